"""A run that begins on fewer tokens: patches left out, images made smaller, or both."""

from dataclasses import replace

import numpy as np
import pytest
from runs import data

from minivit import Config, ConfigError, CrossEntropy, Key, ViT
from minivit.arrays import tree
from minivit.training.early_steps import SmallerViT
from minivit.training.recipe import Recipe
from minivit.training.trainer import Trainer

SIZES = Config(image_size=8, patch_size=2, dim=8, depth=2, heads=2, mlp_dim=12)
FEWER = replace(SIZES, patch_dropout=0.75)
BEGINNINGS = {  # the model of the first steps, by what the recipe says of them
    "none": ({}, ViT(SIZES)),
    "drop": ({"early_drop": 0.75}, ViT(FEWER)),
    "size": ({"early_size": 4}, SmallerViT(SIZES, 4)),
    "both": ({"early_drop": 0.75, "early_size": 4}, SmallerViT(FEWER, 4)),
}


def trainer(workers, config=SIZES, **recipe):
    """Eight steps; other weights than the first ones, whose head is zero and hides all else."""
    recipe = Recipe(**{"warmup": 0, "lr": 0.01, "clip": 1e9, "micro_batch": 3, **recipe})
    trained = Trainer(config, recipe, 8, [0.5] * 3, [0.2] * 3, workers)
    shape = trained.vector.shape
    trained.vector[...] = 0.3 * np.random.default_rng(8).standard_normal(shape, np.float32)
    return trained


def gradient(model, params, images, labels, step):
    """Of the mean loss of a batch, in micro-batches of three: name -> gradient."""
    x, loss = ((images / 255 - 0.5) / 0.2).astype(np.float32), CrossEntropy(0.1)
    total = tree.map(np.zeros_like, params)
    for start in range(0, len(x), 3):
        piece = slice(start, start + 3)
        logits, cache = model.forward(params, x[piece], Key(0, step, start))
        dlogits = loss.backward(len(x[piece]) / len(x), loss.forward(logits, labels[piece])[1])
        total = tree.map(np.add, total, model.backward(dlogits, cache)[1])
    return dict(tree.walk(total))


@pytest.mark.parametrize("early_share", [0, 0.5, 0.7, 1])
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_each_step_learns_by_the_model_of_its_part_of_the_run(workers, beginning, early_share):
    recipe, first = BEGINNINGS[beginning]
    trained = trainer(workers, **recipe, early_share=early_share)
    images, labels = data(7)
    for step in range(1, 9):
        model = first if step <= 8 * early_share else ViT(SIZES)
        want = gradient(model, trained.params, images, labels, step)
        trained.train_step(images, labels)
        for name, leaf in tree.walk(trained.gradients):
            close = 1e-5 * np.abs(want[name]).max() + 1e-7
            np.testing.assert_allclose(leaf, want[name], rtol=1e-3, atol=close, err_msg=name)
    assert trained.read_sums()["bad_step"] is None


def test_a_rate_of_the_model_itself_gives_way_in_the_first_steps_alone(workers):
    config = replace(SIZES, patch_dropout=0.25)
    trained = trainer(workers, config, early_drop=0.5, early_share=0.5)
    assert [trained.model_at(s).config.patch_dropout for s in (1, 4, 5, 8)] == [
        0.5,
        0.5,
        0.25,
        0.25,
    ]
    assert trainer(workers, config).model_at(1).config == config


@pytest.mark.parametrize("recipe", [{"early_size": 16}, {"early_drop": 0.75}])
def test_fewer_tokens_go_through_in_larger_pieces(workers, recipe):
    recipe = Recipe(**recipe, batch_size=64)
    trained = Trainer(Config(), recipe, 8, [0.5] * 3, [0.2] * 3, workers)
    first = trained.micro_batches(64, trained.model_at(1).config)
    assert 1 <= len(first) < len(trained.micro_batches(64))


def test_though_but_one_patch_is_left_it_learns(workers):
    trained = trainer(workers, early_drop=0.99, early_size=2, micro_batch=0)
    trained.train_step(*data(7))
    assert trained.read_sums()["bad_step"] is None


@pytest.mark.parametrize("size", [3, 12])
def test_images_of_a_size_that_cannot_be(workers, size):
    with pytest.raises(ConfigError, match=f"early_size must be a multiple .*; got {size}"):
        trainer(workers, early_size=size)
