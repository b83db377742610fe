"""Recorded steps: those of the trainer without them, to the last bit.

On a GPU they are CUDA graphs. Elsewhere a stand-in calls the function again, and writes to the
arrays that it returned first: as a graph, it gets nothing but what is in memory by then.
"""

import sys

import numpy as np
import pytest
from cases import arrays, tiny
from test_fused_training import MEAN, SIZES, STD, STEM

from minivit import Config
from minivit.arrays.backend import to_device, to_host
from minivit.cuda import fast, recorded
from minivit.errors import BackendError
from minivit.objective import Classification, Regression
from minivit.training.recipe import Recipe
from minivit.training.trainer import Trainer

OBJECTIVE = Classification(10)


@pytest.fixture(autouse=True)
def stand_in(xp, monkeypatch):
    """Without a GPU, steps are recorded by calling a function again."""
    if xp is not np:
        return

    def record(function, xp):
        results = function() or ()
        if results:
            gradients, sums = results
            results = gradients, {name: np.array(total) for name, total in sums.items()}

        runs = []

        def repeat():
            runs.append(1)
            if len(runs) == 1:
                return  # it has been run; a GPU only records it
            for one, new in zip(arrays(results), arrays(function() or ()), strict=True):
                one[...] = new

        return repeat, results, None

    monkeypatch.setattr(recorded, "record", record)
    monkeypatch.setattr(recorded, "wanted", lambda xp: True)


def trained(xp, workers, changes, recipe, steps=9, plain=False):
    """Train, on other images in each step -> (the Trainer, its weights and sums)."""
    config, rng = Config(**{**SIZES, **changes}), np.random.default_rng(1)
    recipe = Recipe(**{"batch_size": 8, "warmup": 0.0, **recipe})
    trainer = Trainer(config, recipe, steps, MEAN, STD, workers, xp, fused=True)
    if plain:
        trainer.run_micro_step = trainer.micro_step
        trainer.update.begin = getattr(trainer.update, "clip_and_direct", None)
    for step in range(steps):
        count = 5 if step == 3 else 8
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
    repeated = [step.repeated.repeat is not None for step in steps.values()]
    assert sum(repeated) == (2 if "several" in name or "early" in name else 1)
    assert one == other


def test_a_step_that_cannot_be_recorded_is_said_once(xp, workers, monkeypatch):
    def record(function, xp):
        raise BackendError("no graphs here\nand more")

    want = trained(xp, workers, {}, {}, plain=True)[1]
    monkeypatch.setattr(recorded, "record", record)
    with pytest.warns(UserWarning, match="kernel by kernel: no graphs here$") as said:
        assert trained(xp, workers, {}, {})[1] == want
    assert len({str(warning.message) for warning in said}) == 1  # printed once


def test_memory_is_given_back(xp, monkeypatch):
    freed, results = [], [xp.zeros(1)]

    class Pool:
        def free_all_blocks(self):
            freed.append(sys.getrefcount(results[0]))

    monkeypatch.setattr(recorded, "record", lambda *_: (lambda: None, results[0], Pool()))
    repeated = recorded.Repeated(lambda: results[0], xp)
    for _ in range(2):
        assert repeated() is results[0]
    held = sys.getrefcount(results[0])
    del repeated
    assert freed == [held - 1]  # when nobody held the arrays any more


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
