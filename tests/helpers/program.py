"""What tests of `train.py` share: the program as a module, and shapes of which there are few."""

import importlib.util
from pathlib import Path

from minivit.data.sources import shapes

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("train", ROOT / "train.py")
train = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(train)


def few_shapes(monkeypatch, train=40, test=12):
    """Let `minivit.data.load("shapes")` draw so few."""
    load = shapes.load
    monkeypatch.setattr(shapes, "load", lambda seed: load(seed, train=train, test=test))
