"""Config: the sizes of a Vision Transformer, checked once so that no layer has to."""

import math
import re
from dataclasses import asdict, dataclass, fields

from .errors import ConfigError, unknown

# name: (width D, depth, heads, MLP width M). Sources: Dosovitskiy et al. 2021, table 1 (B, L, H);
# Touvron et al. 2021, arXiv:2012.12877, table 1 (Ti, S).
VARIANTS = {
    "Ti": (192, 12, 3, 768),
    "S": (384, 12, 6, 1536),
    "B": (768, 12, 12, 3072),
    "L": (1024, 24, 16, 4096),
    "H": (1280, 32, 16, 5120),
}
POOLS = ("class", "mean", "sequence")
GELUS = ("tanh", "erf")
INITS = ("xavier", "normal", "mimetic")


@dataclass(frozen=True)
class Config:
    """The sizes of a model. Raises ConfigError, naming sizes that work, if they cannot be.

    image_size and patch_size are pixels a side, patch_overlap the pixels by which a patch reaches
    over each of its sides; `dim` is the width D of a token, `mlp_dim` the hidden width M; `pool` is
    "class", "mean" or "sequence", `gelu` "tanh" or "erf".

    `dropout`, `drop_path` and `patch_dropout` are rates in [0, 1): the shares of numbers, branches
    and patches left out in training. drop_path is the last block's rate; from 0 in the first block
    it rises linearly. `init`, the parameters' start, is "xavier", "normal" or "mimetic" (see
    `minivit.start`).
    """

    image_size: int = 32
    patch_size: int = 4
    patch_overlap: int = 0
    channels: int = 3
    classes: int = 10
    dim: int = 192
    depth: int = 6
    heads: int = 3
    mlp_dim: int = 768
    pool: str = "class"
    gelu: str = "tanh"
    dropout: float = 0.0
    drop_path: float = 0.0
    patch_dropout: float = 0.0
    init: str = "xavier"

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            # what is 0 where it is not given may be 0
            least, words = (1, "above 0") if field.default else (0, "not negative")
            if field.type is int and (type(value) is not int or value < least):
                raise ConfigError(f"{field.name} must be a whole number {words}; got {value!r}")
            number = isinstance(value, (int, float))
            if field.type is float and not (number and 0 <= value < 1):
                raise ConfigError(f"{field.name} must be a number in [0, 1); got {value!r}")
        if self.patch_overlap >= self.image_size:
            raise ConfigError(
                f"patch_overlap must be below image_size {self.image_size}, beyond which there is "
                f"nothing to see; got {self.patch_overlap}"
            )
        _check_divides("patch_size", self.patch_size, "image_size", self.image_size)
        _check_divides("heads", self.heads, "dim", self.dim)
        for name, valid in {"pool": POOLS, "gelu": GELUS, "init": INITS}.items():
            if getattr(self, name) not in valid:
                raise ConfigError(unknown(name, getattr(self, name), valid))

    @classmethod
    def variant(cls, name, **sizes):
        """A published model, such as "B/16": the name, a slash and the patch size.

        Anything else (image_size=32, classes=10, pool="mean", ...) is given by keyword; images
        are 224 pixels and classes 1000 unless said otherwise, as published.
        """
        match = re.fullmatch(r"(?:ViT-)?([A-Za-z]+)/(\d+)", name)
        if not match or match[1] not in VARIANTS:
            valid = [f"{known}/{sizes.get('patch_size', 16)}" for known in VARIANTS]
            raise ConfigError(unknown("variant", name, valid))
        dim, depth, heads, mlp_dim = VARIANTS[match[1]]
        own = {"dim": dim, "depth": depth, "heads": heads, "mlp_dim": mlp_dim}
        published = {"image_size": 224, "classes": 1000, "patch_size": int(match[2])}
        return cls(**{**published, **own, **sizes})

    @property
    def patches(self):
        """N, the number of patches of an image."""
        return (self.image_size // self.patch_size) ** 2

    @property
    def patch_numbers(self):
        """How many numbers a patch has: its pixels' colours."""
        return (self.patch_size + 2 * self.patch_overlap) ** 2 * self.channels

    @property
    def tokens(self):
        """T, the number of tokens: the patches, and the class token if there is one."""
        return self.patches + (self.pool == "class")

    def to_dict(self):
        """The fields as a plain dict, for JSON."""
        return asdict(self)


def _check_divides(small_name, small, large_name, large):
    """Raise ConfigError unless `small` divides `large`, naming the divisors nearest to it."""
    if large % small == 0:
        return
    divisors = sorted(
        d for i in range(1, math.isqrt(large) + 1) if large % i == 0 for d in (i, large // i)
    )
    near = sorted(sorted(set(divisors), key=lambda d: abs(d - small))[:3])
    raise ConfigError(
        f"{small_name} must divide {large_name}: {large} is not a multiple of {small}; "
        f"{small_name} {', '.join(map(str, near))} would be"
    )
