"""What tests of whole runs share: a model and data so small that a run takes milliseconds."""

import numpy as np

from minivit import Config
from minivit.data import Dataset
from minivit.storage.directory import RunDirectory
from minivit.training.plan import Plan
from minivit.training.recipe import Recipe
from minivit.training.run import Run

CONFIG = Config(
    image_size=8, patch_size=4, dim=8, depth=1, heads=2, mlp_dim=8, classes=3, dropout=0.2
)
RECIPE = Recipe(epochs=2, batch_size=5, val_fraction=0.2, lr=0.01)  # 4 steps an epoch, one short


def pictures(train=22, test=7, seed=0, name="noise", classes=("a", "b", "c")):
    """Noise with labels of three classes."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (train + test, 8, 8, 3), dtype=np.uint8)
    labels = rng.integers(0, 3, train + test)
    parts = (images[:train], labels[:train], images[train:], labels[train:])
    return Dataset(name, classes, *parts)


def make_run(place, workers, config=CONFIG, recipe=RECIPE, data=None):
    """A run that writes to `place`."""
    return Run(Plan(config, recipe, RunDirectory(place)), data or pictures(), workers)


def after(run, step, action):
    """Do `action()` after the given step."""
    train_step = run.trainer.train_step

    def then(images, labels):
        train_step(images, labels)
        if run.trainer.step == step:
            action()

    run.trainer.train_step = then
