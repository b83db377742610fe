"""What tests of `train.py` share: the program as a module, and shapes of which there are few."""

import importlib.util
from pathlib import Path

import pytest

from minivit.commands import exits
from minivit.data.sources import shapes

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("train", ROOT / "train.py")
train = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(train)


def home_with_runs(tmp_path_factory, *commands):
    """A directory in which `train.py` has run with each of these words, on few shapes."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        few_shapes(patch)
        for words in commands:
            assert exits.run(train.main, words) == 0
    return home


def few_shapes(monkeypatch, train=40, test=12):
    """Let `minivit.data.load("shapes")` draw so few."""
    load = shapes.load
    monkeypatch.setattr(shapes, "load", lambda seed: load(seed, train=train, test=test))
