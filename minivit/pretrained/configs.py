"""What timm and Hugging Face need to know of a model beside its weights: their JSON files.

Sources: timm 1.0, models/_hub.py (save_config_for_hf) and models/vision_transformer.py; Hugging
Face transformers, models/vit/configuration_vit.py and image_processing_backends.py.
"""

import math

from ..config import VARIANTS
from .hugging_face_json import BICUBIC
from .timm_json import WORDS

PUBLISHED = set(  # the sizes that timm has a name for
    "tiny_patch16_224 tiny_patch16_384 small_patch8_224 small_patch16_224 small_patch16_384 "
    "small_patch32_224 small_patch32_384 base_patch8_224 base_patch16_224 base_patch16_384 "
    "base_patch32_224 base_patch32_384 large_patch14_224 large_patch16_224 large_patch16_384 "
    "large_patch32_224 large_patch32_384 huge_patch14_224".split()
)


def timm_config(trained):
    """The dict of timm's config.json: `timm.create_model("local-dir:DIR")` builds the model of it.

    timm starts from a published architecture; `model_args` says where the model differs.
    """
    c = trained.config
    architecture, args = _architecture(c)
    if c.channels != 3:
        args["in_chans"] = c.channels
    if c.pool == "mean":  # the norm comes before the pooling, over patches alone
        args |= {"global_pool": "avg", "fc_norm": False, "class_token": False}
    if c.gelu == "tanh":
        args["act_layer"] = "gelu_tanh"
    names = {"label_names": list(trained.classes)} if trained.classes else {}
    return {
        "architecture": architecture,
        "num_classes": c.classes,
        "num_features": c.dim,
        "global_pool": "avg" if c.pool == "mean" else "token",
        **names,
        "model_args": args,
        "pretrained_cfg": {
            "custom_load": False,
            "input_size": [c.channels, c.image_size, c.image_size],
            "fixed_input_size": True,
            "interpolation": "bicubic",
            "crop_pct": trained.crop,
            "crop_mode": "center",
            "mean": decimals(trained.mean),
            "std": decimals(trained.std),
            "num_classes": c.classes,
            "pool_size": None,
            "first_conv": "patch_embed.proj",
            "classifier": "head",
        },
    }


def _architecture(c):
    """timm's name for these sizes, and the arguments in which they differ from its own."""
    own = (c.dim, c.depth, c.heads, c.mlp_dim)
    word = next((word for word, name in WORDS.items() if VARIANTS[name] == own), None)
    for size in (c.image_size, 224):
        if (name := f"{word}_patch{c.patch_size}_{size}") in PUBLISHED:
            return f"vit_{name}", {} if size == c.image_size else {"img_size": c.image_size}
    return "vit_base_patch16_224", {
        "img_size": c.image_size,
        "patch_size": c.patch_size,
        "embed_dim": c.dim,
        "depth": c.depth,
        "num_heads": c.heads,
        "mlp_ratio": mlp_ratio(c.dim, c.mlp_dim),
    }


def mlp_ratio(dim, mlp_dim):
    """The ratio of which timm makes mlp_dim again: it computes int(dim * ratio)."""
    ratio = mlp_dim / dim
    return ratio if int(dim * ratio) == mlp_dim else math.nextafter(ratio, math.inf)


def hugging_face_config(trained):
    """The dict of config.json, which ViTForImageClassification is built of."""
    c = trained.config
    names = trained.classes or [
        f"LABEL_{i}" for i in range(c.classes)
    ]  # as transformers calls them
    return {
        "architectures": ["ViTForImageClassification"],
        "model_type": "vit",
        "hidden_size": c.dim,
        "num_hidden_layers": c.depth,
        "num_attention_heads": c.heads,
        "intermediate_size": c.mlp_dim,
        "hidden_act": "gelu_pytorch_tanh" if c.gelu == "tanh" else "gelu",
        "layer_norm_eps": c.norm_eps,
        "image_size": c.image_size,
        "patch_size": c.patch_size,
        "num_channels": c.channels,
        "qkv_bias": True,
        "id2label": {str(i): name for i, name in enumerate(names)},
        "label2id": {name: i for i, name in enumerate(names)},
    }


def hugging_face_preprocessor(trained):
    """The dict of preprocessor_config.json: how an image file becomes the model's input.

    The shorter side is resized and the middle kept. ViTImageProcessor of transformers 4 cannot do
    that (it squeezes an image into a square), CLIPImageProcessor does it in all versions.
    """
    c = trained.config
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": c.channels == 3,
        "do_resize": True,
        "size": {"shortest_edge": int(c.image_size / trained.crop)},
        "resample": BICUBIC,
        "do_center_crop": True,
        "crop_size": {"height": c.image_size, "width": c.image_size},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": decimals(trained.mean),
        "image_std": decimals(trained.std),
    }


def decimals(values):
    """float32 numbers as the shortest decimals that mean them: 0.4914, not 0.49140000343322754."""
    return [float(str(value)) for value in values]
