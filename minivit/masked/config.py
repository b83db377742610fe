"""MaskedConfig: the sizes of a model that predicts masked patches."""

from dataclasses import dataclass

from ..config import Config
from ..errors import ConfigError
from ..settings import setting

TARGETS = ("colour", "colours", "pixels")
CELLS = 4  # cells a side that "colours" cuts a patch into


@dataclass(frozen=True)
class MaskedConfig(Config):
    """The sizes of a `MaskedViT`: those of the ViT, and what it predicts of which patches.

    mask_target: the patch's mean colour, one of 512; the colours of 4 x 4 cells; or its pixels.
    The paper found all three to work, the mean colour best for few labels and the pixels slightly
    worse than the others, and half of the patches better than 15% of them (appendix B.1.2).

    Raises ConfigError as `Config` does, and for what makes no sense with masked patches.
    """

    mask_target: str = setting("colour", "what is predicted of a patch", choices=TARGETS)
    mask_share: float = setting(
        0.5, "share of the patches that are predicted", low_open=True, high=1, metavar="SHARE"
    )

    def __post_init__(self):
        super().__post_init__()
        if self.patch_dropout:
            raise ConfigError(
                "a masked patch must be there to be predicted: set patch_dropout to 0, and in a "
                "recipe early_drop"
            )
        if self.pool == "sequence":
            raise ConfigError(
                "masked patches are not pooled, so a weighted mean would not learn: set pool to "
                "mean or class"
            )
        if self.channels > 3:
            raise ConfigError(
                f"masked patches need images of at most 3 channels; got {self.channels}"
            )
        if self.mask_target == "colours" and any(side % CELLS for side in self.patch_shape):
            raise ConfigError(
                f"mask_target colours cuts a patch into {CELLS} x {CELLS} cells: patch_size must "
                f"be a multiple of {CELLS}; got {self.patch_size}"
            )

    @property
    def cells(self):
        """Parts a side that a patch is cut into for its colours."""
        return CELLS if self.mask_target == "colours" else 1

    @property
    def masked_patches(self):
        """How many patches of an image are predicted."""
        return max(1, round(self.mask_share * self.patches))

    def classifier(self):
        """The Config of the classifier with the same encoder."""
        return Config(**{name: getattr(self, name) for name in Config.settings()})
