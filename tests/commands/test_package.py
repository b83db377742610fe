"""What pyproject.toml says of the package, against the files that it speaks of."""

import importlib
import re
import tomllib

import pytest
from program import ROOT

import minivit

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
REQUIREMENTS = (ROOT / "requirements.txt").read_text()


def test_requirements_txt_lists_what_the_package_and_its_extras_need():
    lines = [line.partition("#")[0].strip() for line in REQUIREMENTS.splitlines()]
    wanted = [*PROJECT["project"]["dependencies"], *EXTRAS["full"], *EXTRAS["test"]]
    assert sorted(filter(None, lines)) == sorted(wanted)
    gpu = re.findall(r"^# (cupy\S+)$", REQUIREMENTS, re.MULTILINE)
    assert gpu == [*EXTRAS["cuda12x"], *EXTRAS["cuda13x"]]


def test_developers_get_all_that_the_tests_use():
    assert "minivit[full,test]" in EXTRAS["dev"]


def test_the_version_is_said_once():
    assert "version" not in PROJECT["project"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {
        "attr": "minivit.version.VERSION"
    }
    assert re.fullmatch(r"\d+\.\d+\.\d+", minivit.__version__)


def test_the_console_script_is_the_command_line(monkeypatch, capsys):
    module, _, name = PROJECT["project"]["scripts"]["minivit"].partition(":")
    script = getattr(importlib.import_module(module), name)
    monkeypatch.setattr("sys.argv", ["minivit", "--help"])
    assert script() == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: minivit COMMAND [options]")
    monkeypatch.setattr("sys.argv", ["minivit", "summary", "--zzz"])
    assert script() == 2
    assert capsys.readouterr().err == "error: unknown option --zzz. See minivit summary --help.\n"


@pytest.mark.parametrize("name", minivit.__all__)
def test_public_names_are_there(name):
    assert hasattr(minivit, name)
