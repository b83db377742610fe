"""The comparisons, each a few lines of data.

Sections and appendices are those of Dosovitskiy et al. 2021, arXiv:2010.11929. A row has the
options of `train.py` by the names of their fields. A line of data is enough for a new row.
"""

from .table import Row, Table

PATCHES = {"patch_overlap": 0}  # as in the paper, where the question is not about patches
RATES = ({"lr": 1e-3}, {"lr": 2e-3}, {"lr": 4e-3})
LARGE_RATES = ({"lr": 0.03}, {"lr": 0.1}, {"lr": 0.3})
MASKED = {"objective": "masked", **PATCHES}
STRONG = {"policy": "rand", "erasing": 0.25, "drop_path": 0.1}
LIGHT = {"policy": "none", "erasing": 0.0, "drop_path": 0.0}
RESNET = {"preset": "resnet-20"}
COUNTS = (1_000, 4_000, 15_000, 45_000)  # training images
LABELS = (450, 2_250, 4_500, 45_000)  # 1, 5, 10 and 100% of CIFAR-10's 45,000


def counted(name, count):
    """The name of a row that learns from so many images."""
    return f"{name}, {count:,}"


TABLES = {
    "pool": Table(
        "Should the head read a class token, or the mean of the patches?",
        "appendix D.3",
        (
            Row("class token", {"pool": "class"}, RATES),
            Row("mean", {"pool": "mean"}, RATES),
        ),
    ),
    "position": Table(
        "How should the model be told where a patch is?",
        "appendix D.4",
        (
            Row("none", {"position": "none"}),
            Row("a vector each", {"position": "learned"}),
            Row("a vector each, always", {"position": "every-block"}),
            Row("the same, shared", {"position": "every-block-shared"}),
            Row("row and column", {"position": "learned-2d"}),
            Row("fixed waves", {"position": "sincos-2d"}),
            Row("bias in each block", {"position": "relative"}),
        ),
        {"early_drop": 0.0, "early_size": 0, "init": "xavier"},
    ),
    "head": Table(
        "What should the head be: linear, or with a hidden layer?",
        "section 3.1 and appendix D.3",
        (
            Row("linear"),
            Row("hidden layer, tanh", {"pre_logits": 96}),
            Row("hidden layer, GELU", {"head_hidden": 96}),
        ),
    ),
    "optimizer": Table(
        "Which rule should make the steps, also in fine-tuning?",
        "appendix D.1",
        (
            Row("SGD", {"optimizer": "sgd"}, LARGE_RATES),
            Row("Adam", {"optimizer": "adamw", "weight_decay": 0.0}, RATES),
            Row("AdamW", {"optimizer": "adamw"}, RATES),
            Row("Muon", {"optimizer": "muon"}, RATES),
            Row("fine-tuning: SGD", {"optimizer": "sgd"}, LARGE_RATES[:2], begin=MASKED),
            Row("fine-tuning: AdamW", {"optimizer": "adamw"}, RATES[:2], begin=MASKED),
            Row("fine-tuning: Muon", {"optimizer": "muon"}, RATES[:2], begin=MASKED),
        ),
        PATCHES,
    ),
    "stem": Table(
        "How should an image become tokens?",
        "section 3.1, hybrid",
        (
            Row("patches", {"patch_overlap": 0}),
            Row("overlapping patches", {"patch_overlap": 2}),
            Row("two convolutions", {"patch_overlap": 0, "stem": "small"}),
            Row("three convolutions", {"patch_overlap": 0, "stem": "small-3"}),
            Row("ResNet-20", RESNET),
        ),
    ),
    "shape": Table(  # an image's multiplications are within 1% of those of the base
        "Should a model be deep or wide, or its patches large?",
        "appendix D.2",
        (
            Row("base"),
            Row("deep", {"depth": 12, "dim": 66, "mlp_dim": 132}),
            Row("wide", {"depth": 3, "dim": 138, "mlp_dim": 276}),
            Row("large MLP", {"dim": 78, "mlp_dim": 336}),
            Row("large patches", {"patch_size": 8, "dim": 204, "mlp_dim": 408}),
        ),
        {"dim": 96, "depth": 6, "heads": 3, "mlp_dim": 192, **PATCHES},
    ),
    "start": Table(
        "How should the parameters begin?",
        "not in the paper",
        (
            Row("normal, 0.02", {"init": "normal", "whiten": False}),
            Row("Xavier", {"init": "xavier", "whiten": False}),
            Row("mimetic", {"init": "mimetic", "whiten": False}),
            Row("mimetic, whitened", {"init": "mimetic", "whiten": True}),
        ),
    ),
    "gelu": Table(
        "Which function should be between the MLP's layers?",
        "section 3.1",
        (
            Row("GELU, tanh", {"gelu": "tanh"}),
            Row("GELU, exact", {"gelu": "erf"}),
            Row("ReLU", {"gelu": "relu"}),
        ),
    ),
    "data": Table(
        "Who needs more images: a ViT, a hybrid, or a ResNet?",
        "section 4.3, figures 3 and 4",
        tuple(
            Row(counted(name, count), {**options, **strength}, images=count, group=name)
            for count in COUNTS
            for name, options, strength in (
                ("ViT, light", PATCHES, LIGHT),
                ("ViT, strong", PATCHES, STRONG),
                ("hybrid, light", {**PATCHES, "stem": "small"}, LIGHT),
                ("hybrid, strong", {**PATCHES, "stem": "small"}, STRONG),
                ("ResNet, light", RESNET, {}),
                ("ResNet, strong", RESNET, {"policy": "rand", "erasing": 0.25}),
            )
        ),
    ),
    "shift": Table(
        "What does a model make of a shifted image?",
        "section 3.1, inductive bias",
        (
            Row("no positions", {"position": "none", **PATCHES}),
            Row("positions", {"position": "learned", **PATCHES}),
            Row("positions, crops", {"position": "learned", "augment": True, **PATCHES}),
            Row("relative biases", {"position": "relative", **PATCHES}),
            Row("two convolutions", {"position": "learned", "stem": "small", **PATCHES}),
            Row("ResNet-20", RESNET),
        ),
        {"augment": False, "early_drop": 0.0, "early_size": 0},
        measure="shift",
    ),
    "masked": Table(
        "Does it help to have guessed hidden patches before?",
        "section 4.6 and appendix B.1.2",
        tuple(
            Row(counted(name, count), PATCHES, images=count, begin=begin, group=name)
            for count in LABELS
            for name, begin in (("from scratch", None), ("pre-trained", MASKED))
        ),
    ),
}
