"""Recipe: everything about a training run that is not the model."""

from dataclasses import dataclass

from ..data.augment.prepare import POLICIES, Preparation
from ..errors import ConfigError
from ..models import OBJECTIVE_NAMES
from ..settings import Settings, setting
from .frozen import ALL
from .update import OPTIMIZERS


def share(default, help, high=1, **more):
    """A number from 0 to `high`."""
    return setting(default, help, high=high, metavar="SHARE", **more)


@dataclass(frozen=True)
class Recipe(Settings):
    """How to train: each field below says what it is.

    Every step takes batch_size images and moves the weights by lr times what the optimizer
    computes; matrices also lose lr * weight_decay of themselves. With ema, the running mean of the
    weights is evaluated instead of the weights. The augmentations (augment, crop, policy, erasing,
    mixup, cutmix) are explained in `minivit.data.augment.prepare`, whiten in `minivit.start`,
    freeze and layer_decay in `minivit.training.frozen`. With patience a run may end early, and its
    result is that of its best epoch.

    Raises ConfigError for a value that is out of range.
    """

    objective: str = setting(
        "auto", f"what is learned: {', '.join(OBJECTIVE_NAMES)} (hidden patches, without labels); "
        "auto: classification, or with targets regression",
        choices=("auto", *OBJECTIVE_NAMES), metavar="NAME", group="data",
    )  # fmt: skip
    epochs: int = setting(10, "passes over the training images", low=1)
    batch_size: int = setting(128, "images a step", low=1)
    optimizer: str = setting("adamw", "update rule", choices=OPTIMIZERS)
    lr: float = setting(1e-3, "peak learning rate", low_open=True, metavar="RATE")
    weight_decay: float = setting(0.05, "pull of matrices towards 0", metavar="RATE")
    warmup: float = share(0.05, "share of all steps in which the learning rate rises to its peak")
    clip: float = setting(1.0, "longest gradient: a longer one is scaled down to this norm",
                          low_open=True, metavar="NORM")  # fmt: skip
    smoothing: float = share(
        0.1, "label smoothing: share of a target spread over all classes", 0.999
    )
    val_fraction: float = share(
        0.1, "share of the training images held out for validation", 0.9, group="data"
    )
    train_fraction: float = share(
        1.0, "share of the other training images that is used", low_open=True, group="data"
    )
    augment: bool = setting(True, "random crop and flip", group="images")
    crop: int = setting(4, "pixels by which the random crop shifts an image at most", high=255,
                        metavar="PIXELS", group="images")  # fmt: skip
    policy: str = setting("none", "none or RandAugment", choices=POLICIES, group="images")
    erasing: float = share(0.0, "share of the images that lose a rectangle", group="images")
    mixup: float = setting(0.0, "MixUp with a share from Beta(RATE, RATE)",
                           metavar="RATE", group="images")  # fmt: skip
    cutmix: float = setting(0.0, "CutMix with a share from Beta(RATE, RATE)",
                            metavar="RATE", group="images")  # fmt: skip
    early_drop: float = share(
        0.0, "share of the patches left out in the early steps", 0.99, alias="first_drop"
    )
    early_size: int = setting(0, "side to which images are shrunk in the early steps",
                              metavar="PIXELS", unset="full size", alias="first_size")  # fmt: skip
    early_share: float = share(
        0.5, "share of all steps in which early_drop and early_size apply", alias="first_share"
    )
    ema: float = setting(0.0, "evaluate a running mean of the weights with this decay",
                         high=0.999999, metavar="DECAY", unset="off")  # fmt: skip
    freeze: int = setting(
        0, "blocks that keep the weights of --from, with all that is before them; all: only the "
        "head learns", metavar="N|all", unset="none", words={"all": ALL},
    )  # fmt: skip
    layer_decay: float = share(
        1.0, "the learning rate of a block is this share of the next block's", low_open=True
    )
    patience: int = setting(0, "end after so many epochs that were not better than the best one, "
                            "and take that", metavar="EPOCHS", unset="off")  # fmt: skip
    micro_batch: int = setting(
        0, "most images that go through the model at once; their gradients are summed",
        unset="as many as suit the device",
    )  # fmt: skip
    whiten: bool = setting(False, "start the patch embedding as a whitening of the images' patches")
    seed: int = setting(0, "seed of everything random")

    def __post_init__(self):
        super().__post_init__()
        if self.patience and not self.val_fraction:
            raise ConfigError(
                "patience needs validation images to decide by: set val_fraction above 0"
            )

    def over(self, epochs_done, best_epoch):
        """Whether a run has done all its epochs, or `patience` of them since its best one."""
        waited = self.patience and epochs_done and epochs_done - best_epoch >= self.patience
        return bool(waited) or epochs_done >= self.epochs

    def preparation(self, classes):
        """What is done to each batch of images with so many classes, as a `Preparation`."""
        names = ("crop", "policy", "erasing", "mixup", "cutmix")
        options = {name: getattr(self, name) for name in names}
        return Preparation(crop_and_flip=self.augment, **options, classes=classes)
