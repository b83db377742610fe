"""Presets: a model and a recipe that go together, by name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """A model and a recipe that go together, and what to expect of them."""

    model: dict
    recipe: dict
    expect: str


MUON = {"optimizer": "muon", "lr": 2e-3}
MIMETIC = {"pool": "mean", "init": "mimetic"}
ON_CPU = {**MUON, "batch_size": 64, "whiten": True}
SMALL = {**ON_CPU, "epochs": 28, "weight_decay": 0.1, "policy": "rand", "val_fraction": 0.04}

# Standardised weights are large beside a step, so the rate is ten times that of a ViT.
RESIDUAL = {**MUON, "lr": 2e-2, "weight_decay": 0.03, "batch_size": 64}

FINE_TUNING = "finetune"

PRESETS = {
    "smoke": Preset(
        {"dim": 64, "depth": 4, "heads": 4, "mlp_dim": 128, "pool": "mean"},
        {**MUON, "epochs": 3},
        "a first look: 0.14 M weights; 99.9% on shapes in half a minute",
    ),
    "tiny": Preset(
        {"dim": 96, "depth": 6, "heads": 3, "mlp_dim": 192, "patch_overlap": 2, **MIMETIC},
        {**ON_CPU, "epochs": 14, "weight_decay": 0.15, "early_drop": 0.5},
        "a CPU's default: 0.47 M weights; 82% on CIFAR-10 in 14 minutes",
    ),
    "small": Preset(
        {"dim": 128, "depth": 6, "heads": 4, "mlp_dim": 256, "patch_overlap": 2, **MIMETIC},
        SMALL,
        "0.83 M weights; 87% on CIFAR-10 in an hour",
    ),
    "hybrid-tiny": Preset(
        {"dim": 96, "depth": 5, "heads": 3, "mlp_dim": 192, "stem": "small-3", **MIMETIC},
        {**ON_CPU, "epochs": 14, "weight_decay": 0.2, "early_size": 24},
        "tiny behind convolutions: 0.52 M weights; 85% on CIFAR-10 in 16 to 22 minutes",
    ),
    "hybrid-small": Preset(
        {"dim": 128, "depth": 5, "heads": 4, "mlp_dim": 256, "stem": "small-3", **MIMETIC},
        {**SMALL, "early_size": 24},
        "small behind convolutions: 0.81 M weights; 88% on CIFAR-10 in 63 to 81 minutes",
    ),
    "resnet-20": Preset(
        {"unit": "basic", "units": 3, "width": 16},
        {**RESIDUAL, "epochs": 14},
        "a residual network: 0.27 M weights; 64% on CIFAR-10 after one pass",
    ),
    "resnet-29": Preset(
        {"unit": "bottleneck", "units": 3, "width": 16},
        {**RESIDUAL, "epochs": 14},
        "one of the paper's kind: 0.31 M weights; not measured yet",
    ),
    "base": Preset(
        {"dim": 192, "depth": 9, "heads": 12, "mlp_dim": 384, "drop_path": 0.1, **MIMETIC},
        {**MUON, "epochs": 300, "policy": "rand", "erasing": 0.25, "mixup": 0.8, "cutmix": 1.0},
        "for a GPU: 2.7 M weights; 300 passes, not run to the end yet",
    ),
    # The paper's fine-tuning: SGD with momentum 0.9, a cosine, no weight decay, clip 1, batch 512.
    # Of its rates, 0.001 to 0.03, one; the warm-up is that of its code. Source: Dosovitskiy et al.
    # 2021, arXiv:2010.11929, appendix B.1.1, table 4.
    FINE_TUNING: Preset(
        {},
        {
            "optimizer": "sgd",
            "lr": 0.01,
            "weight_decay": 0.0,
            "clip": 1.0,
            "batch_size": 512,
            "smoothing": 0.0,
            "warmup": 0.05,
            "epochs": 10,
        },
        "for --from MODEL: the paper's schedule",
    ),
}
