"""Crafted checkpoints whose hash is right: what they say is checked before it is used."""

import copy
import tracemalloc

import numpy as np
import pytest
from program import few_shapes, train

import minivit
from minivit.commands import exits
from minivit.errors import CheckpointError
from minivit.storage import checkpoint
from minivit.storage.meta import ListOf, MappingOf, Number, Optional, Text, Whole, problem

WORDS = "--patch-size 16 --dim 8 --depth 1 --heads 2 --mlp-dim 8 --preset smoke --device cpu"
MORE = "--threads 1 --dataset shapes --epochs 2 --batch-size 10"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """(arrays, meta) of a run that was stopped after its first epoch, as crafted files begin."""
    with pytest.MonkeyPatch.context() as patch:
        few_shapes(patch)
        out = tmp_path_factory.mktemp("runs") / "run"
        assert exits.run(train.main, [*WORDS.split(), *MORE.split(), "--out", str(out)]) == 0
    arrays, meta = checkpoint.load(out / "last.npz")
    meta["position"] |= {"epochs_done": 1, "step": 6}  # 36 of 40 images, 4 steps an epoch
    meta["position"]["sums"] |= {"count": 20}
    return arrays, meta


def edited(meta, place, value):
    """`meta` with another value at a place such as "position.step"."""
    made = copy.deepcopy(meta)
    *parents, last = place.split(".")
    inner = made
    for name in parents:
        inner = inner[name]
    inner[last] = value
    return made


EDITS = [
    ("position", [], "position is a list; it must be an object"),
    ("position.step", "6", "position.step is '6'; it must be a whole number"),
    ("position.step", True, "position.step is True; it must be a whole number"),
    ("position.step", 2**70, "position.step is a number of 71 bits; it must be a whole"),
    ("position.step", -1, "position.step is -1; it must be a whole number from 0"),
    ("position.epochs_done", 3, "contradicts itself: it has done 3 epochs of 2"),
    ("position.sums", 3, "position.sums is 3; it must be an object"),
    ("position.sums.loss", "a", "position.sums is an object; it has a value that must be a fin"),
    ("position.sums.count", None, "position.sums has no count"),
    ("position.elapsed_s", -1.0, "position.elapsed_s is -1.0; it must be a finite number of"),
    ("position.best", {}, "position.best is an object; it must be a finite number, or null"),
    ("source.dataset", "a\0b", r"source.dataset is 'a\x00b'; it must be text"),
    ("source.data_dir", 7, "source.data_dir is 7; it must be text"),
    ("source.data_dir", "x" * 5000, "must be text of at most 4096 printable characters, or null"),
    ("preset", None, "preset is None; it must be text"),
    ("device", "tpu", "device is 'tpu'; it must be cpu or gpu"),
    ("objective", ["a"], "objective is a list; it must be text"),
    ("dataset.classes", ["a"], "contradicts itself: it names 1 classes of 10"),
    ("dataset.classes", [1] * 10, "dataset.classes is a list; it has a value that must be text"),
    ("dataset.mean", [0.5], "dataset.mean and dataset.std are not those of 3 channels"),
    ("dataset.std", [0.5, 0.0, 0.5], "dataset.mean and dataset.std are not those of 3 channels"),
    ("model", 3, "model is 3; it must be an object"),
    ("model.depth", 1_000_000, "another model than it says: 1000000 blocks, and 19 arrays"),
    ("model.depth", 2**70, "depth must be a whole number of at most 1000000"),
    ("model.dim", 1_000_000, "another model than it says: different"),
    ("model.pool", ["class"], "unknown pool"),
    ("recipe.epochs", "2", "epochs must be a whole number of at least 1; got '2'"),
    ("recipe.policy", "x" * 100_000, "unknown policy"),
]


@pytest.mark.parametrize(("place", "value", "sentence"), EDITS)
def test_a_value_of_the_wrong_type_or_size_is_named(
    saved, tmp_path, capsys, place, value, sentence
):
    arrays, meta = saved
    path = tmp_path / "last.npz"
    checkpoint.save(path, arrays, edited(meta, place, value))
    tracemalloc.start()
    with pytest.raises(CheckpointError) as caught:
        minivit.load(path)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
    text = str(caught.value)
    assert sentence in text and "\n" not in text and len(text) < 900, text
    capsys.readouterr()
    assert exits.run(train.main, ["--resume", str(path)]) == 1
    assert capsys.readouterr().err.strip().startswith(f"error: {text}")


@pytest.mark.parametrize(("step", "done"), [(3, 1), (9, 1), (5, 0)])
def test_steps_and_epochs_that_do_not_belong_together(
    saved, tmp_path, capsys, monkeypatch, step, done
):
    few_shapes(monkeypatch)
    arrays, meta = saved
    meta = edited(edited(meta, "position.step", step), "position.epochs_done", done)
    checkpoint.save(tmp_path / "last.npz", arrays, meta)
    assert exits.run(train.main, ["--resume", str(tmp_path)]) == 1
    sentence = f"it has done {step} steps and {done} epochs of 4 steps, and seen "
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("count", [0, -3])
def test_steps_without_images_are_refused(saved, tmp_path, capsys, monkeypatch, count):
    """The mean loss of the epoch would be one over none."""
    few_shapes(monkeypatch)
    arrays, meta = saved
    meta = edited(meta, "position.sums.count", count)
    meta = edited(edited(meta, "position.step", 6), "position.epochs_done", 1)
    checkpoint.save(tmp_path / "last.npz", arrays, meta)
    assert exits.run(train.main, ["--resume", str(tmp_path)]) == 1
    assert f"of 4 steps, and seen {count} images since" in capsys.readouterr().err


def test_a_checkpoint_that_is_replaced_while_it_is_read(saved, tmp_path, monkeypatch):
    arrays, meta = saved
    path, load = tmp_path / "last.npz", checkpoint.load
    checkpoint.save(path, arrays, meta)

    def replaced(place, *args):
        checkpoint.save(place, arrays, edited(meta, "dataset.mean", [1.0, 1.0, 1.0]))
        return load(place, *args)

    monkeypatch.setattr(checkpoint, "load", replaced)
    with pytest.raises(CheckpointError, match="has changed while it was read; try again"):
        minivit.load(path)


def test_every_kind_of_description():
    described = {
        "a": Whole(1, 3),
        "b": {"c": Optional(Text(), absent=True)},
        "d": ListOf(Number(), most=2),
        "e": MappingOf(Whole()),
    }
    good = {"a": 3, "b": {}, "d": [1, -2.5], "e": {"x": 0}, "more": object()}
    assert problem(described, good) == ""
    assert problem(described, {**good, "b": {"c": None}}) == ""
    for values, sentence in (
        (None, "it is None; it must be an object"),
        ({}, "a is missing"),
        ({**good, "a": 4}, "a is 4; it must be a whole number from 1 to 3"),
        ({**good, "b": None}, "b is None; it must be an object"),
        ({**good, "b": {"c": 1}}, "b.c is 1; it must be text of at most 4096 printable"),
        ({**good, "d": [1, 2, 3]}, "d is a list; it must be a list of at most 2"),
        ({**good, "d": [np.inf]}, "d is a list; it has a value that must be a finite number"),
        ({**good, "d": [10**400]}, "d is a list; it has a value that must be a finite number"),
        ({**good, "e": {"x": 0.5}}, "e is an object; it has a value that must be a whole number"),
    ):
        assert problem(described, values).startswith(sentence)
