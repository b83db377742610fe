"""What tests of `explain` share: small models with all that a page can show."""

from dataclasses import replace

import numpy as np

from minivit import Config, tree
from minivit.models import model_of
from minivit.objective import Classification
from minivit.trained import Trained

NAMES = ("cat", "dog", "Schrödinger's box </script>", "狼", "\x1b[2Jclear", "e", "f")
SMALL = Config(image_size=8, patch_size=4, dim=12, depth=2, heads=3, mlp_dim=20, classes=7)
CONFIGS = {
    "class token": replace(SMALL, gelu="tanh"),
    "mean of overlapping patches": replace(
        SMALL, pool="mean", patch_overlap=2, norm_eps=1e-5, position="every-block"
    ),
    "erf": replace(SMALL, gelu="erf", channels=1, patch_size=2, position="sincos-2d"),
    "not square": replace(
        SMALL,
        image_size=(8, 12),
        patch_size=(4, 3),
        pool="sequence",
        position="learned-2d",
        pre_logits=5,
        dim=9,
    ),
    "relative": replace(SMALL, position="relative", patch_size=2, head_hidden=10, gelu="relu"),
}


def trained_model(config, seed=0):
    """A `Trained` whose parameters are all random: no gain is 1 and no bias 0."""
    rng = np.random.default_rng(seed)
    params = tree.map(lambda leaf: rng.normal(0, 0.4, leaf.shape), model_of(config).init(rng))
    params = tree.map(lambda leaf: leaf.astype(np.float32), params)
    mean = np.linspace(0.4, 0.5, config.channels).astype(np.float32)
    std = np.linspace(0.2, 0.3, config.channels).astype(np.float32)
    return Trained(config, params, NAMES, mean, std, Classification(config.classes))
