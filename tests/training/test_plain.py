"""The loop on one page is the trainer's oracle: equal weights after 20 steps, but for rounding."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from runs import data

from minivit import Config, CrossEntropy, ViT
from minivit.arrays import tree
from minivit.arrays.keys import generator
from minivit.optim import SGD, AdamW
from minivit.training import plain
from minivit.training.recipe import Recipe
from minivit.training.trainer import Trainer

STEPS = 20
CONFIG = Config(
    image_size=8, patch_size=2, dim=8, depth=2, heads=2, mlp_dim=12, dropout=0.1, drop_path=0.2
)
MEAN, STD = [0.5, 0.4, 0.6], [0.2, 0.25, 0.3]


def batches():
    """Twenty batches, each fifth a short one."""
    return [data(13 if step % 5 else 4, step) for step in range(STEPS)]


def by_plain(recipe, rule, dtype=np.float32):
    """Weights and losses of the plain loop."""
    start = ViT(CONFIG).init(generator(recipe.seed, "init"))
    params = tree.map(lambda leaf: leaf.astype(dtype), start)
    mean, std = np.asarray(MEAN, dtype), np.asarray(STD, dtype)
    loss_layer, steps = CrossEntropy(recipe.smoothing), iter(batches())
    losses = plain.train(ViT(CONFIG), loss_layer, rule, recipe, params, steps, STEPS, mean, std)
    return params, list(losses)


@pytest.mark.parametrize(
    ("optimizer", "rule", "lr"), [("adamw", AdamW(), 1e-3), ("sgd", SGD(), 0.05)]
)
@pytest.mark.parametrize("clip", [0.3, 100.0])
def test_the_trainer_takes_the_same_steps(workers, optimizer, rule, lr, clip):
    recipe = Recipe(optimizer=optimizer, lr=lr, clip=clip, warmup=0.3, weight_decay=0.2)
    trainer = Trainer(CONFIG, replace(recipe, micro_batch=3), STEPS, MEAN, STD, workers)
    start = tree.map(np.copy, trainer.params)
    for images, labels in batches():
        trainer.train_step(images, labels)
    params, losses = by_plain(recipe, rule)
    moved = 0.0
    for (name, got), (_, want) in zip(tree.walk(trainer.params), tree.walk(params), strict=True):
        judged = slice(None)
        if name.endswith("qkv.b"):  # a key's bias has no gradient: Adam follows its rounding
            judged = np.r_[: got.size // 3, 2 * got.size // 3 : got.size]
        np.testing.assert_allclose(got[judged], want[judged], atol=2e-4, err_msg=name)
        moved = max(moved, np.abs(got - dict(tree.walk(start))[name]).max())
    assert moved > 20 * 2e-4  # the comparison is not one of starts
    total = sum(loss * len(labels) for loss, (_, labels) in zip(losses, batches(), strict=True))
    assert trainer.read_sums()["loss"] == pytest.approx(total, rel=1e-4)


def test_it_starts_at_ln_10_and_stops_with_the_batches():
    params, losses = by_plain(Recipe(lr=1e-3, smoothing=0.0), AdamW(), np.float64)
    assert losses[0] == pytest.approx(math.log(10)) and len(losses) == STEPS
    assert params["head"]["w"].any()
    few = itertools.islice(batches(), 3)
    loop = plain.train(ViT(CONFIG), CrossEntropy(), SGD(), Recipe(), params, few, STEPS, 0.5, 0.25)
    with pytest.raises(AttributeError):  # mean and std are arrays
        next(loop)


def test_it_runs_as_a_program(monkeypatch, capsys):
    from minivit.data.sources import shapes

    load = shapes.load
    monkeypatch.setattr(shapes, "load", lambda seed: load(seed, train=200, test=20))
    plain.main(steps=10)
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("step  10 of 10: loss ") and out[1].startswith("test accuracy ")
