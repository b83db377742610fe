"""Published models by name: "B/16", or "R50+B/16" for a hybrid."""

import re

from .convolution.stems import STEMS
from .errors import ConfigError
from .text import unknown

# name: (width D, depth, heads, MLP width M). Sources: Dosovitskiy et al. 2021, table 1 (B, L, H);
# Touvron et al. 2021, arXiv:2012.12877, table 1 (Ti, S).
VARIANTS = {
    "Ti": (192, 12, 3, 768),
    "S": (384, 12, 6, 1536),
    "B": (768, 12, 12, 3072),
    "L": (1024, 24, 16, 4096),
    "H": (1280, 32, 16, 5120),
}
HYBRIDS = ("R26+S/32", "R50+B/16", "R50+L/32")  # those that were published


def published(name, sizes):
    """The fields of the Config of a published model; sizes: fields that take the place of its own.

    Raises ConfigError for a name that is not known.
    """
    match = re.fullmatch(r"(?:(R\d+)\+)?(?:ViT-)?([A-Za-z]+)/(\d+)", name)
    stem = f"{match[1]}/{match[3]}" if match and match[1] else "none"
    if not match or match[2] not in VARIANTS or stem not in ("none", *STEMS):
        valid = [f"{known}/{sizes.get('patch_size', 16)}" for known in VARIANTS]
        raise ConfigError(unknown("variant", name, [*valid, *HYBRIDS]))
    dim, depth, heads, mlp_dim = VARIANTS[match[2]]
    own = {"dim": dim, "depth": depth, "heads": heads, "mlp_dim": mlp_dim, "stem": stem}
    usual = {"image_size": 224, "classes": 1000, "patch_size": int(match[3])}
    return {**usual, **own, **sizes}
