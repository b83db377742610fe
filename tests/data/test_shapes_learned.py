"""The whole program on its built-in set: a small ViT learns it, one without positions cannot."""

from functools import cached_property

import pytest

from minivit import ViT
from minivit.config import Config
from minivit.data import load
from minivit.data.batches import epoch
from minivit.data.normalise import channel_statistics
from minivit.parallel.workers import Workers
from minivit.training import trainer as training
from minivit.training.presets import PRESETS
from minivit.training.recipe import Recipe


class WithoutPositions(ViT):
    """A ViT that sees a bag of patches."""

    @cached_property
    def parts(self):
        return {name: part for name, part in super().parts.items() if name != "position"}


@pytest.fixture(scope="module")
def shapes():
    return load("shapes")


def accuracy_after(dataset, passes):
    """Test accuracy of the smoke preset's final weights, after so many passes."""
    preset = PRESETS["smoke"]
    recipe = Recipe(**{**preset.recipe, "epochs": passes})
    images, labels = dataset.train_images, dataset.train_labels
    steps = passes * -(-len(images) // recipe.batch_size)
    mean, std = channel_statistics(images)
    with Workers() as workers:
        trainer = training.Trainer(Config(**preset.model), recipe, steps, mean, std, workers)
        for number in range(1, passes + 1):
            batches = epoch(images, labels, range(len(images)), recipe.batch_size, 0, number)
            for batch in batches:
                trainer.train_step(*batch)
        return trainer.evaluate(dataset.test_images, dataset.test_labels)["accuracy"]


def test_a_vit_learns_shapes(shapes):
    assert accuracy_after(shapes, passes=3) > 0.95


def test_without_positions_it_does_not(shapes, monkeypatch):
    monkeypatch.setattr(training, "ViT", WithoutPositions)
    assert accuracy_after(shapes, passes=3) < 0.60
