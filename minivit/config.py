"""Config: the sizes of a Vision Transformer, checked once so that no layer has to check them."""

import math
from dataclasses import dataclass

from .convolution.stems import STEMS
from .errors import ConfigError
from .settings import Settings, setting
from .variants import HYBRIDS, VARIANTS, published

POOLS = ("class", "mean", "sequence")
GELUS = ("tanh", "erf", "relu")
POSITIONS = (
    "learned", "none", "every-block", "every-block-shared", "learned-2d", "sincos-2d", "relative",
)  # fmt: skip
EVERY_BLOCK = ("every-block", "every-block-shared")
INITS = ("xavier", "normal", "mimetic")
LARGEST = 1_000_000  # of any size


__all__ = ["GELUS", "HYBRIDS", "INITS", "POOLS", "POSITIONS", "VARIANTS", "Config", "pair"]


def rate(help):
    """A share in [0, 1) that is 0 unless it is given."""
    return setting(0.0, help, high=1, high_open=True, metavar="RATE")


@dataclass(frozen=True)
class Config(Settings):
    """The sizes of a model: each field below says what it is.

    Sizes of images and patches are pixels a side, or where they are not square a height and a width
    (48, 32); also with a stem (`minivit.convolution`): where it makes one of 4 x 4 pixels, patches
    of 4 pixels are 1 x 1 cuts of its map. The rates are
    shares of what is left out in training: dropout of numbers, patch_dropout of patches, drop_path
    of the last block's branches; it rises linearly from 0 in the first block. The values of `init`
    are explained in `minivit.start`. `norm_eps` is for published weights (`minivit.pretrained`).
    The head is one linear layer, unless pre_logits or head_hidden puts a hidden layer before it.

    Raises ConfigError for values that are out of range or do not fit together, and names sizes
    that would fit.
    """

    image_size: int | tuple[int, int] = setting(
        32, "side of the images, in pixels, or height x width", low=1, high=LARGEST, pair=True
    )
    patch_size: int | tuple[int, int] = setting(
        4, "side of a patch, or height x width; divides the image", low=1, high=LARGEST, pair=True
    )
    patch_overlap: int = setting(
        0, "pixels by which a patch reaches over each of its sides", high=LARGEST
    )
    stem: str = setting(
        "none", "convolutions before the patches; R26 and R50 are ResNets", choices=("none", *STEMS)
    )
    channels: int = setting(3, "colours of a pixel", low=1, high=LARGEST)
    classes: int = setting(10, "classes to tell apart", low=1, high=LARGEST)
    dim: int = setting(192, "width D of a token", low=1, high=LARGEST)
    depth: int = setting(6, "number of blocks", low=1, high=LARGEST)
    heads: int = setting(3, "attention heads; divides the width", low=1, high=LARGEST)
    mlp_dim: int = setting(768, "hidden width M of the MLP", low=1, high=LARGEST)
    pool: str = setting(
        "class", "what the head reads: class token, mean, or weighted mean", choices=POOLS
    )
    position: str = setting(
        "learned", "what says where a patch is: learned, a vector each; none; every-block, such "
        "vectors in every block; every-block-shared, the same ones in each; learned-2d, one for "
        "row and column; sincos-2d, fixed waves; relative, a bias in the attention",
        choices=POSITIONS, metavar="KIND",
    )  # fmt: skip
    gelu: str = setting(
        "tanh", "GELU in its tanh form, the exact one, or ReLU instead", choices=GELUS
    )
    dropout: float = rate("share of numbers to drop in training")
    drop_path: float = rate("share of branches to drop in the last block")
    patch_dropout: float = rate("share of patches to drop in training")
    init: str = setting("xavier", "how the parameters start", choices=INITS)
    norm_eps: float = setting(
        1e-6, "what LayerNorm adds to the variance", low_open=True, high=1, metavar="EPS"
    )
    pre_logits: int = setting(
        0, "width of a tanh layer before the head", high=LARGEST, unset="none"
    )
    head_hidden: int = setting(
        0, "width of a GELU layer before the head", high=LARGEST, unset="none"
    )

    def __post_init__(self):
        super().__post_init__()
        if self.patch_overlap >= min(self.image_shape[:2]):
            raise ConfigError(
                f"patch_overlap must be below image_size {min(self.image_shape[:2])}, because "
                f"nothing lies beyond the image; got {self.patch_overlap}"
            )
        if self.stem != "none" and self.patch_overlap:
            raise ConfigError(
                f"patch_overlap must be 0 with stem {self.stem}, whose convolutions overlap; "
                f"got {self.patch_overlap}"
            )
        if any(side % self.stem_stride for side in self.patch_shape):
            raise ConfigError(
                f"patch_size must be a multiple of {self.stem_stride}, because stem {self.stem} "
                f"makes one pixel of {self.stem_stride} x {self.stem_stride}; got {self.patch_size}"
            )
        if self.position in ("relative", *EVERY_BLOCK) and self.patch_dropout:
            raise ConfigError(
                f"{self.position} positions need all patches of an image: set patch_dropout to 0, "
                "and in a recipe early_drop"
            )
        if self.pre_logits and self.head_hidden:
            raise ConfigError(
                "the head has one hidden layer at most: set pre_logits (tanh) or head_hidden (GELU)"
            )
        for patch, image in zip(self.patch_shape, self.image_shape, strict=False):
            both = math.gcd(*self.image_shape[:2]) if isinstance(self.patch_size, int) else image
            _check_divides("patch_size", patch, "image_size", image, both)
        _check_divides("heads", self.heads, "dim", self.dim)

    @classmethod
    def variant(cls, name, **sizes):
        """A published model, such as "B/16": the name, a slash and the patch size.

        "R50+B/16" is a hybrid, with the stem "R50/16". sizes: other fields by keyword
        (image_size=32, classes=10, pool="mean", ...). As published, image_size is 224 and classes
        is 1000 if they are not given.
        """
        return cls(**published(name, sizes))

    @property
    def stem_stride(self):
        """How many pixels (a side) become one of the map that is cut into patches."""
        return 1 if self.stem == "none" else STEMS[self.stem].stride

    @property
    def map_channels(self):
        """Channels of that map: the image's own without a stem."""
        return self.channels if self.stem == "none" else STEMS[self.stem].channels

    @property
    def image_shape(self):
        """H, W and C of an image: its height, its width and its channels."""
        return *pair(self.image_size), self.channels

    @property
    def patch_shape(self):
        """The height and the width of a patch, in pixels of the image."""
        return pair(self.patch_size)

    @property
    def cut(self):
        """P and Q: the same in pixels of the map that is cut, which is the image without a stem."""
        return tuple(side // self.stem_stride for side in self.patch_shape)

    @property
    def grid(self):
        """The rows and the columns of patches in an image."""
        (height, width, _), (p, q) = self.image_shape, self.patch_shape
        return height // p, width // q

    @property
    def patches(self):
        """N, the number of patches in an image."""
        return math.prod(self.grid)

    @property
    def patch_dim(self):
        """The number of values in a flattened patch: its pixels times their channels."""
        return math.prod(side + 2 * self.patch_overlap for side in self.cut) * self.map_channels

    @property
    def prefix_tokens(self):
        """The number of tokens before the patches: 1, the class token, or 0 without one."""
        return int(self.pool == "class")

    @property
    def tokens(self):
        """T, the number of tokens: the patches and what comes before them."""
        return self.prefix_tokens + self.patches


def pair(size):
    """A size as height and width."""
    return size if isinstance(size, tuple) else (size, size)


def _check_divides(small_name, small, large_name, large, both=None):
    """Raise ConfigError unless `small` divides `large`, naming divisors of `both` near to it."""
    if large % small == 0:
        return
    both = both or large
    divisors = sorted(
        d for i in range(1, math.isqrt(both) + 1) if both % i == 0 for d in (i, both // i)
    )
    near = sorted(sorted(set(divisors), key=lambda d: abs(d - small))[:3])
    raise ConfigError(
        f"{small_name} must divide {large_name}: {large} is not a multiple of {small}; "
        f"{small_name} {', '.join(map(str, near))} would be"
    )
