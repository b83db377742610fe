"""Training on the built-in set: a small ViT learns it, one without position embeddings does not."""

from functools import cached_property

import pytest

from minivit import ViT
from minivit.config import Config
from minivit.data import load
from minivit.data.batches import epoch
from minivit.data.normalise import channel_statistics
from minivit.parallel.workers import Workers
from minivit.training.presets import PRESETS
from minivit.training.recipe import Recipe
from minivit.training.trainer import Trainer


class WithoutPositions(ViT):
    """A ViT without position embedding: it sees a bag of patches."""

    @cached_property
    def parts(self):
        return {name: part for name, part in super().parts.items() if name != "position"}


@pytest.fixture(scope="module")
def shapes():
    return load("shapes")


def accuracy_after(dataset, passes, kind=ViT):
    """Test accuracy of the smoke preset's final weights after so many passes, seed 0."""
    preset = PRESETS["smoke"]
    recipe = Recipe(**{**preset.recipe, "epochs": passes})
    images, labels = dataset.train_images, dataset.train_labels
    steps = passes * -(-len(images) // recipe.batch_size)
    mean, std = channel_statistics(images)
    with Workers() as workers:
        config = Config(**preset.model)
        trainer = Trainer(config, recipe, steps, mean, std, workers, model=kind(config))
        options = {"batch_size": recipe.batch_size, "seed": 0}
        for number in range(1, passes + 1):
            for batch in epoch(images, labels, range(len(images)), number=number, **options):
                trainer.train_step(*batch)
        return trainer.evaluate(dataset.test_images, dataset.test_labels)["accuracy"]


def test_a_vit_learns_shapes(shapes):
    """Seed 0 reached 89.5%; after two passes 99.7%."""
    assert accuracy_after(shapes, passes=1) > 0.8


def test_without_position_embeddings_it_does_not(shapes):
    """Seed 0 reached 25.5%; after three passes seeds 0, 1 and 2 reached 31.7, 31.1 and 31.8%."""
    assert accuracy_after(shapes, passes=2, kind=WithoutPositions) < 0.35
