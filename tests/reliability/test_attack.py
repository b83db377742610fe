"""The attack of tests/attack, for a few seconds; and it is shown to find what is broken."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.attack import __main__ as attack
from tests.attack.files import sentence

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="needs signals and limits")
def test_the_short_attack():
    line = [sys.executable, "-m", "tests.attack", "--seconds", "6"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    for kind in attack.SHARES:
        assert f"\n{kind} " in done.stdout
    assert "\n0 broken in " in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="needs signals and limits")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise AssertionError('other weights')", "AssertionError: other weights (planted.py:3)"),
        ("print(1, file=__import__('sys').stdout); raise KeyError(7)", "KeyError: 7"),
        ("__import__('os').abort()", "planted seed 0/0: process ended: -6"),
        ("__import__('sys').exit(0)", "SystemExit: 0"),
    ],
)
def test_the_attack_sees_what_is_broken(tmp_path, monkeypatch, body, words):
    """Readers that load other weights, raise what is not the project's, or end the process."""
    lines = ["def begin(place):", "    def attack(chance):", f"        {body}", "    return attack"]
    (tmp_path / "planted.py").write_text("\n".join(lines))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    report = attack.Report(["planted"])
    attack.turn("planted", "0", 0.05, tmp_path, report)
    assert words in report.broken[0] and report.outcomes["planted"]["broken"]


@pytest.mark.parametrize(
    ("text", "good"),
    [("error: a.npz is empty.\n", True), ("", False), ("one\ntwo\n", False), ("a" * 4000, False)],
)
def test_a_sentence_is_one_line(text, good):
    if good:
        assert sentence(text) == "sentence"
    else:
        with pytest.raises(AssertionError, match="not one sentence"):
            sentence(text)
