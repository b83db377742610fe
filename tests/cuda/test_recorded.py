"""Recorded steps: those of the trainer without them, to the last bit.

On a GPU they are CUDA graphs. Elsewhere a stand-in calls the function again and writes to the
arrays that it returned first. It sees numbers of the host that have changed since, as a graph does
not; but nothing may be copied from the host meanwhile.
"""

import contextlib
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from cases import arrays, tiny
from test_fused_training import MEAN, SIZES, STD, STEM

from minivit import Config
from minivit.arrays.backend import to_device, to_host
from minivit.cuda import draws, fast, graphs, recorded
from minivit.errors import BackendError
from minivit.objective import Classification, Regression
from minivit.training.recipe import Recipe
from minivit.training.trainer import Trainer

OBJECTIVE, RECORDING = Classification(10), graphs.Recording


class Again:
    """A `Recording` that calls the function again, in which nothing is copied from the host."""

    def __init__(self, function, xp):
        self.function, self.fresh = function, True
        gradients, sums = self.run() or ({}, {})
        self.results = gradients, {name: np.array(total) for name, total in sums.items()}

    def run(self):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(draws.Drawn, "copy", pytest.fail)
            return self.function()

    def repeat(self):
        if not self.fresh:  # it has been run; a GPU only records it
            for one, new in zip(arrays(self.results), arrays(self.run() or ({}, {})), strict=True):
                one[...] = new
        self.fresh = False


@pytest.fixture(autouse=True)
def stand_in(xp, monkeypatch):
    """Without a GPU, steps are recorded by calling a function again."""
    if xp is np:
        monkeypatch.setattr(graphs, "Recording", Again)
        monkeypatch.setattr(graphs, "wanted", lambda xp: True)


def trained(xp, workers, changes, recipe, plain=False, sizes=(6, 6, 5, 6, 6, 6)):
    """Train on batches of these sizes -> (the Trainer, its weights and sums)."""
    config, rng = Config(**{**SIZES, **changes}), np.random.default_rng(1)
    recipe = Recipe(**{"batch_size": 6, "warmup": 0.0, **recipe})
    trainer = Trainer(config, recipe, len(sizes), MEAN, STD, workers, xp, fused=True)
    if plain:
        trainer.run_micro_step = trainer.micro_step
        trainer.update.begin = getattr(trainer.update, "clip_and_direct", None)
    for count in sizes:
        images = rng.integers(0, 256, (count, *config.image_shape), np.uint8)
        labels = rng.integers(0, 10, count)
        trainer.train_step(to_device(images, xp), to_device(labels, xp))
    return trainer, (to_host(trainer.vector).tobytes(), trainer.read_sums())


CASES = {
    "mean pooling": ({"pool": "mean"}, {}),
    "class token, overlapping patches": ({"patch_overlap": 1}, {"optimizer": "muon"}),
    "drop path": ({"drop_path": 0.5}, {"ema": 0.9}),
    "several micro-batches": ({"drop_path": 0.3}, {"micro_batch": 2}),
    "stem": (STEM, {"optimizer": "muon"}),
    "a frozen block": ({"drop_path": 0.5}, {"freeze": 1, "layer_decay": 0.7}),
    "early, fewer patches": ({"drop_path": 0.2}, {"early_drop": 0.5}),
    "early, smaller images": ({**STEM, "drop_path": 0.2}, {"early_size": 4}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_bits_of_steps_that_are_not_recorded(xp, workers, name):
    sides = [trained(xp, workers, *CASES[name], plain=plain) for plain in (False, True)]
    (trainer, one), (_, other) = sides
    steps = trainer.run_micro_step.steps
    repeated = [step.repeated.recording is not None for step in steps.values()]
    kinds = 3 if "several" in name else 1  # of one and of two images; early ones were dropped
    assert sum(repeated) == kinds
    assert trainer.run_micro_step.models == [trainer.early_model, trainer.model]
    assert one == other


def test_a_step_that_cannot_be_recorded_is_said_once(xp, workers, monkeypatch):
    def refused(function, xp):
        raise BackendError("no graphs here\nand more")

    want = trained(xp, workers, {}, {}, plain=True)[1]
    monkeypatch.setattr(graphs, "Recording", refused)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        assert trained(xp, workers, {}, {})[1] == want
    assert [str(w.message) for w in said] == [f"{graphs.REFUSED}: no graphs here"]


def test_only_some_kinds_of_micro_batches_are_recorded(xp, workers):
    """Each has memory of its own."""
    trainer, _ = trained(xp, workers, {}, {}, sizes=[*range(6, 1, -1)] * 2)
    steps = trainer.run_micro_step.steps
    assert [shape[0] for shape, *_ in steps] == [6, 5, 4, 3] and len(steps) == recorded.MOST
    assert all(step.repeated.recording for step in steps.values())


class Cuda:
    """As much of CuPy as a `Recording` needs, which writes down what it is asked for."""

    def __init__(self):
        self.done, self.cuda, self.empty = [], self, np.empty
        self.runtime = SimpleNamespace(CUDARuntimeError=OSError)
        self.using_allocator = contextlib.nullcontext

    def __getattr__(self, name):
        def call(*args, **keywords):
            self.done.append(name)
            return contextlib.nullcontext() if name == "direct" else self

        return call

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def Memory(self, size):  # noqa: N802
        error = OSError("cudaError")
        error.status = self.status
        raise error


@pytest.fixture
def cuda(monkeypatch):
    made = Cuda()
    monkeypatch.setattr(graphs.cublas, "direct", made.direct)
    return made


def test_memory_is_given_back(cuda):
    recording = RECORDING(lambda: "results", cuda)
    recording.repeat()
    assert recording.results == "results"
    del recording
    assert cuda.done[-4:] == ["begin_capture", "end_capture", "launch", "free_all_blocks"]


def test_the_first_error_is_told_and_memory_given_back(cuda):
    def end_capture():
        cuda.done.append("end_capture")
        raise ValueError("the recording is not valid")

    cuda.end_capture = end_capture
    with pytest.raises(ZeroDivisionError):
        RECORDING(lambda: 1 / 0, cuda)
    assert cuda.done[-3:] == ["begin_capture", "end_capture", "free_all_blocks"]


def test_memory_that_is_free_in_its_books_is_not_given_back(cuda):
    cuda.status = graphs.OUT_OF_MEMORY
    with pytest.raises(BackendError, match="no memory on the GPU for it"):
        graphs.allocator(cuda)(1000)  # of another kind than those on which CuPy does it
    assert RECORDING(lambda: 0, cuda) and "set_limit" in cuda.done
    cuda.status = 700
    with pytest.raises(OSError, match="cudaError"):
        graphs.allocator(cuda)(1000)  # an illegal address, say


@pytest.mark.parametrize(
    "changes",
    [
        *({"dropout": 0.1}, {"position": "relative"}, {"gelu": "relu"}),
        *({"pool": "sequence"}, {"head_hidden": 4}, {"heads": 8}),
    ],
    ids=str,
)
def test_what_cannot_be_recorded(xp, changes):
    """What copies from the host in a step, or has products of its own. heads 8: K is 1."""
    assert recorded.can_be_recorded(fast(tiny(heads=2)), OBJECTIVE)
    assert not recorded.can_be_recorded(fast(tiny(**{"heads": 2, **changes})), OBJECTIVE)


def test_plain_layers_and_other_objectives_cannot(xp):
    assert not recorded.can_be_recorded(tiny(heads=2), OBJECTIVE)
    assert not recorded.can_be_recorded(fast(tiny(heads=2)), Regression(("x",), (0.0,), (1.0,)))
