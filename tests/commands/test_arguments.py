"""The command line: wrong usage is reported in one sentence, and each outcome has its status."""

import argparse
import os
import pathlib
import subprocess
import sys

import pytest

from minivit import Config, ConfigError, DataError
from minivit.__main__ import COMMANDS
from minivit.__main__ import main as minivit
from minivit.commands import gradcheck
from minivit.commands.arguments import (
    Parser,
    add_settings,
    choice,
    given,
    number,
    path,
    whole,
)
from minivit.commands.exits import run
from minivit.errors import BackendError
from minivit.layers import Gelu, LayerNorm, Linear, gelu

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def parser():
    made = Parser(prog="python train.py", usage="python train.py [options]")
    made.add_argument("--epochs", type=whole(), default=3, help="passes over the data")
    made.add_argument("--lr", type=number(low_open=True), help="peak learning rate")
    made.add_argument("--seed", type=whole(0), default=0, help="of everything")
    made.add_argument("--quiet", action="store_true", help="print less")
    add_settings(made, Config, defaults={"dim": "the preset's"})
    return made


def refused(capsys, parser, *words):
    """The one line that a command prints whose `parser` refuses these words: exit status 2."""
    assert run(parser.parse_args, list(words)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and err.count("\n") == 1 and err.endswith("--help.\n")
    return err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--epoch", "3"], "unknown option --epoch; did you mean --epochs? See"),
        (["--epoch=3"], "unknown option --epoch; did you mean --epochs? See"),
        (["--learning-rate", "1"], "unknown option --learning-rate; did you mean --lr? See"),
        (["--zzz"], "unknown option --zzz. See"),
        (["cifar10"], "unexpected argument 'cifar10'. See"),
        (["--lr"], "--lr: expected one argument. See"),
        (["--lr", "nan"], "--lr: must be a finite number above 0; got 'nan'. See"),
        (["--lr", "inf"], "--lr: must be a finite number above 0; got 'inf'. See"),
        (["--lr", "0"], "--lr: must be a finite number above 0; got '0'. See"),
        (["--lr", "-0.1"], "--lr: must be a finite number above 0; got '-0.1'. See"),
        (["--lr", "fast"], "--lr: must be a finite number above 0; got 'fast'. See"),
        (["--epochs", "-3"], "--epochs: must be a whole number of at least 1; got '-3'. See"),
        (["--epochs", "0"], "--epochs: must be a whole number of at least 1; got '0'. See"),
        (["--epochs", "1.5"], "--epochs: must be a whole number of at least 1; got '1.5'. See"),
        (["--epochs", "nan"], "--epochs: must be a whole number of at least 1; got 'nan'. See"),
        (["--dim", "10000000"], "--dim: must be a whole number of at most 1000000; got"),
        (["--dropout", "1"], "--dropout: must be a finite number of at least 0 and below 1; got"),
        (["--pool", "clas"], "--pool: unknown pool 'clas'; did you mean 'class'? Valid: class, m"),
    ],
)
def test_wrong_usage_is_one_sentence(capsys, parser, words, sentence):
    assert refused(capsys, parser, *words).startswith(f"error: {sentence}")


def test_limits_of_numbers_include_the_closed_ends_only():
    share = number(0, 1, high_open=True)
    assert share("0") == 0.0 and share("0.999") == 0.999 and share("1e-3") == 0.001
    assert number(-1, 1)("1") == 1.0 and number(-1, 1)("-1") == -1.0
    assert whole(0, 5)("0") == 0 and whole(0, 5)("5") == 5
    assert choice("pool", ("class", "mean"))("Mean") == "mean"


def test_only_the_settings_that_were_given_are_given(parser):
    args = parser.parse_args(["--dim", "96", "--pool", "Mean", "--dropout", "0"])
    assert given(args, Config) == {"dim": 96, "pool": "mean", "dropout": 0.0}


def test_help_shows_defaults_in_80_columns(capsys, parser):
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(["--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    assert "(default: 3)" in text and "of everything (default: 0)" in text
    assert "width D of a token (default: the preset's)" in text
    assert "(default: tanh)" in text
    assert "None" not in text and "False" not in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("words", [[], *([name] for name in COMMANDS)])
def test_every_command_has_help(capsys, words):
    assert run(minivit, [*words, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(" ".join(["usage: python -m minivit", *words]))
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["gradcheck", "--device", "cuda"], "unknown device 'cuda'; did you mean 'gpu'?"),
        (["summary", "--variant", "b/16"], "unknown variant 'b/16'; did you mean 'B/16'?"),
        (["summary", "--pool", "CLS"], "unknown pool 'CLS'; did you mean 'class'?"),
    ],
)
def test_the_name_that_was_meant_is_named(capsys, words, sentence):
    assert run(minivit, words) == 2
    assert sentence in capsys.readouterr().err


def test_paths_know_the_home_directory_and_are_never_empty(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert path("~/run") == "/home/me/run" and path("a b/~") == "a b/~"
    for text in ("", "  "):
        with pytest.raises(argparse.ArgumentTypeError, match="must not be empty"):
            path(text)


def raiser(error):
    def main(argv):
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (DataError("data: no images in it"), 1, "error: data: no images in it\n"),
        (DataError("one\ntwo"), 1, "error: one two\n"),
        (ConfigError("dim must be 3"), 2, "error: dim must be 3\n"),
        (PermissionError(13, "Permission denied", "runs"), 1, "error: runs: Permission denied\n"),
        (OSError(28, "No space left"), 1, "error: standard output: No space left\n"),
        (MemoryError(), 1, "error: out of memory: try smaller sizes or, in training, a lower"),
        (MemoryError("9 TiB"), 1, "error: out of memory: 9 TiB; try smaller sizes or, in train"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_a_failure_is_one_line_and_a_status(capsys, monkeypatch, error, status, line):
    monkeypatch.delenv("MINIVIT_DEBUG", raising=False)
    assert run(raiser(error), []) == status
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(line) and err.count("\n") == 1
    monkeypatch.setenv("MINIVIT_DEBUG", "1")
    with pytest.raises(type(error)):
        run(raiser(error), [])


def test_a_mistake_of_the_program_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run(raiser(ZeroDivisionError()), [])


def test_status_of_main_is_the_exit_status():
    assert run(lambda argv: None, []) == 0
    assert run(lambda argv: len(argv), ["a", "b", "c"]) == 3


def test_unknown_names_exit_with_2(capsys):
    assert run(minivit, ["gradchek"]) == 2
    assert "unknown command 'gradchek'; did you mean 'gradcheck'?" in capsys.readouterr().err
    assert run(minivit, []) == 2
    assert f"COMMAND is missing; valid: {', '.join(COMMANDS)}." in capsys.readouterr().err
    assert run(minivit, ["gradcheck", "--layer", "Atention"]) == 2
    assert "unknown layer 'Atention'; did you mean 'Attention'?" in capsys.readouterr().err
    assert run(minivit, ["gradcheck", "--device", "tpu"]) == 2
    assert run(minivit, ["summary", "--image-size", "33"]) == 2
    assert "patch_size must divide image_size" in capsys.readouterr().err


def test_gradcheck_passes_on_every_layer_and_the_model(capsys):
    assert run(minivit, ["gradcheck"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert "WRONG" not in text and text.splitlines()[-1].startswith("all ")
    for name in ("qkv.w", "norm1.gamma", "logits, soft", "class_token.cls", "ViT, mean"):
        assert name in text


def test_gradcheck_fails_on_a_wrong_gradient(capsys, monkeypatch):
    right = LayerNorm.backward

    def forgets_the_mean(self, dy, cache):
        dx, grads = right(self, dy, cache)
        return dx + 1e-6, grads

    monkeypatch.setattr(LayerNorm, "backward", forgets_the_mean)
    assert run(minivit, ["gradcheck", "--layer", "layernorm"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.endswith("WRONG") for line in lines[1:4]] == [True, False, False]
    assert lines[-1].startswith("1 of 3 gradients WRONG")
    assert run(minivit, ["gradcheck", "--layer", "gelu"]) == 0


def test_gradcheck_fails_on_nan_and_on_missing_names(capsys, monkeypatch):
    monkeypatch.setattr(Gelu, "backward", lambda self, dy, cache: (dy * float("nan"), {}))
    assert run(minivit, ["gradcheck", "--layer", "Gelu"]) == 1
    assert "inf" in capsys.readouterr().out
    monkeypatch.setattr(Linear, "backward", lambda self, dy, cache: (cache[0], {"w": cache[1]}))
    assert run(minivit, ["gradcheck", "--layer", "Linear"]) == 1
    assert "WRONG: gradient b: shape None, parameter has (7,)" in capsys.readouterr().out


def test_gradcheck_skips_the_erf_form_without_scipy(capsys, monkeypatch):
    monkeypatch.setattr(gelu, "special", raiser(BackendError("needs SciPy: pip install scipy")))
    monkeypatch.setattr(gradcheck, "NAMES", ("Gelu", "GeluErf", "Mlp"))  # of all, a few
    assert run(minivit, ["gradcheck"]) == 0
    text = capsys.readouterr().out
    assert "skipped: needs SciPy" in text and ", 1 layer skipped, " in text
    assert run(minivit, ["gradcheck", "--layer", "GeluErf"]) == 1
    assert capsys.readouterr().err == "error: needs SciPy: pip install scipy\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_what_is_printed_to_a_full_disk(capsys, monkeypatch):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert run(minivit, ["summary"]) == 1
        monkeypatch.undo()
        said = capsys.readouterr().err
        assert said == "error: standard output: No space left on device\n"
        full.close()  # what could not be printed is lost, or Python would end with two more lines


def command(*words, **settings):
    """A started `python -m minivit` in the root of the repository."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": ROOT}
    return subprocess.Popen([sys.executable, "-m", "minivit", *words], **{**pipes, **settings})


def test_help_is_quick_and_imports_no_cupy(tmp_path):
    (tmp_path / "cupy").mkdir()
    (tmp_path / "cupy" / "__init__.py").write_text("raise SystemExit('cupy was imported')\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    seconds = []
    for _ in range(3):  # the quickest of three, in processor time: others use this machine too
        started = sum(os.times()[2:4])
        process = command("summary", "--help", env=environment)
        out, err = process.communicate(timeout=60)
        seconds.append(sum(os.times()[2:4]) - started)
        assert (process.returncode, err) == (0, "") and "--patch-size" in out
    assert min(seconds) < 1


def test_a_reader_that_goes_away_is_no_error():
    process = command("gradcheck", "--layer", "Linear")
    process.stdout.close()
    assert process.wait(timeout=60) == 141
    assert process.stderr.read() == ""
    process.stderr.close()


def script(source, **settings):
    """A Python program that runs `source`, with the repository importable -> what it left."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings.pop("env", {})}
    line = [sys.executable, "-c", "import sys\nfrom minivit.commands.exits import run\n" + source]
    return subprocess.run(line, capture_output=True, text=True, env=environment, **settings)


def test_streams_that_were_closed_are_no_error():
    source = "sys.stdout = sys.stderr = None; sys.exit(run(lambda argv: print('unheard'), []))"
    assert script(source).returncode == 0


def test_a_name_that_cannot_be_printed_is_spelt_out():
    source = "sys.exit(run(lambda argv: print('gr\\xfcn \\udcfc'), []))"
    done = script(source, env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "gr\\xfcn \\udcfc\n", "")
