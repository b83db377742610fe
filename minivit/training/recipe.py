"""Recipes: everything about a training run that is not the model; and presets, by name."""

import math
from dataclasses import asdict, dataclass, fields

from ..data.augment.prepare import POLICIES, Preparation
from ..errors import ConfigError, unknown
from .update import OPTIMIZERS


@dataclass(frozen=True)
class Recipe:
    """How to train. Raises ConfigError for a value that cannot be meant.

    epochs: passes over the training images. batch_size: images a step. optimizer: the update
    rule. lr: the peak learning rate. weight_decay: the pull of matrices towards 0, times the
    rate, a step. warmup: the share of all steps spent climbing to the peak. clip: longer
    gradients are scaled down to this length. smoothing: the share of each target spread over all
    classes. val_fraction: the share of the training images held out for decisions. augment:
    random crops and flips. policy, erasing, mixup, cutmix: see `minivit.data.augment.prepare`.
    first_drop, first_size: in the first first_share of all steps, the share of patches left out,
    and the pixels a side to which images are made smaller. ema: the decay of the running mean of
    the weights, which is then what is measured; 0 for none. micro_batch: the most images taken
    through the model at once, as gradients are summed; 0 for what suits the device. whiten:
    whether the patch embedding starts as a whitening (see `minivit.start`). seed: of everything.
    """

    epochs: int = 10
    batch_size: int = 128
    optimizer: str = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.05
    warmup: float = 0.05
    clip: float = 1.0
    smoothing: float = 0.1
    val_fraction: float = 0.1
    augment: bool = True
    policy: str = "none"
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    first_drop: float = 0.0
    first_size: int = 0
    first_share: float = 0.5
    ema: float = 0.0
    micro_batch: int = 0
    whiten: bool = False
    seed: int = 0

    def __post_init__(self):
        for field in fields(self):
            self._check(field.name, getattr(self, field.name), field.type)
        if self.optimizer not in OPTIMIZERS:
            raise ConfigError(unknown("optimizer", self.optimizer, OPTIMIZERS))
        if self.policy not in POLICIES:
            raise ConfigError(unknown("policy", self.policy, POLICIES))

    def _check(self, name, value, kind):
        """Raise ConfigError unless `value` is of its field's kind and range."""
        low, high, words = {
            "epochs": (1, math.inf, "above 0"),
            "batch_size": (1, math.inf, "above 0"),
            "seed": (0, 2**63 - 1, "not negative"),
            "micro_batch": (0, math.inf, "not negative"),
            "first_drop": (0, 0.99, "from 0 to 0.99"),
            "first_size": (0, math.inf, "not negative"),
            "first_share": (0, 1, "from 0 to 1"),
            "erasing": (0, 1, "from 0 to 1"),
            "ema": (0, 0.999999, "from 0 to 0.999999"),
            "clip": (1e-12, math.inf, "above 0"),
            "warmup": (0, 1, "from 0 to 1"),
            "smoothing": (0, 0.999, "in [0, 1)"),
            "val_fraction": (0, 0.9, "from 0 to 0.9"),
        }.get(name, (0, math.inf, "finite and not negative"))
        if kind is bool and type(value) is not bool:
            raise ConfigError(f"{name} must be True or False; got {value!r}")
        if kind is int and (type(value) is not int or not low <= value <= high):
            raise ConfigError(f"{name} must be a whole number {words}; got {value!r}")
        if kind is float:
            number = type(value) in (int, float)
            if not number or not low <= value <= high or not math.isfinite(value):
                raise ConfigError(f"{name} must be a number {words}; got {value!r}")

    def preparation(self, classes):
        """The augmentations of each batch of images of so many classes."""
        names = ("policy", "erasing", "mixup", "cutmix")
        options = {name: getattr(self, name) for name in names}
        return Preparation(crop_and_flip=self.augment, **options, classes=classes)

    def to_dict(self):
        """The fields as a plain dict, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Preset:
    """A model and a recipe that go together, and what to expect of them."""

    model: dict
    recipe: dict
    expect: str


MUON = {"optimizer": "muon", "lr": 2e-3}
START = {"pool": "mean", "init": "mimetic"}
ON_CPU = {**MUON, "batch_size": 64, "whiten": True}

PRESETS = {
    "smoke": Preset(
        {"dim": 64, "depth": 4, "heads": 4, "mlp_dim": 128, "pool": "mean"},
        {**MUON, "epochs": 3},
        "a first look: 0.14 M weights; 99.9% on shapes in half a minute",
    ),
    "tiny": Preset(
        {"dim": 96, "depth": 6, "heads": 3, "mlp_dim": 192, "patch_overlap": 2, **START},
        {**ON_CPU, "epochs": 14, "weight_decay": 0.15, "first_drop": 0.5},
        "the default on a CPU: 0.47 M weights; 82% on CIFAR-10 in 14 minutes",
    ),
    "small": Preset(
        {"dim": 128, "depth": 6, "heads": 4, "mlp_dim": 256, "patch_overlap": 2, **START},
        {**ON_CPU, "epochs": 28, "weight_decay": 0.1, "policy": "rand", "val_fraction": 0.04},
        "0.83 M weights; 87% on CIFAR-10 in an hour",
    ),
    "base": Preset(
        {"dim": 192, "depth": 9, "heads": 12, "mlp_dim": 384, "drop_path": 0.1, **START},
        {**MUON, "epochs": 300, "policy": "rand", "erasing": 0.25, "mixup": 0.8, "cutmix": 1.0},
        "for a GPU: 2.7 M weights, 300 passes; not measured yet",
    ),
}
