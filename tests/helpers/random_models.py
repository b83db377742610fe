"""Trained models with random weights, small or of real sizes, for what is done with a model."""

import numpy as np

from minivit import Config, Trained, ViT, tree
from minivit.objective import Classification

SMALL = dict(image_size=8, patch_size=4, dim=8, depth=2, heads=2, mlp_dim=12, classes=3)


def random_trained(seed=0, crop=0.875, **sizes):
    """A `Trained` of the sizes SMALL, but for `sizes`; no weight is a zero or a one."""
    config = Config(**{**SMALL, **sizes})
    rng = np.random.default_rng(seed)

    def draw(leaf):
        std = 0.3 if leaf.ndim == 1 else leaf.shape[0] ** -0.5
        return (std * rng.standard_normal(leaf.shape)).astype(np.float32)

    params = tree.map(draw, ViT(config).init(None))
    mean, std = (np.linspace(*ends, config.channels, dtype="f4") for ends in ((0.4, 0.5), (0.2, 1)))
    names = ("ant", "bee", "cow") if config.classes == 3 else ()
    about = {"dataset": "noise", "test": {"accuracy": 0.5}}
    return Trained(config, params, names, mean, std, Classification(config.classes), about, crop)
