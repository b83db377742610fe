"""What timm's config.json says of weights beside it.

Source: timm 1.0, models/_hub.py (save_config_for_hf, _parse_model_cfg), vision_transformer.py.
"""

import re

from ..config import VARIANTS
from ..errors import CheckpointError
from ..storage.meta import ListOf, MappingOf, Number, Text, Whole
from .beside import CONFIG
from .said import MOST, Setting, check, gelu, maybe

# timm's word for a published size: ours
WORDS = {"tiny": "Ti", "small": "S", "base": "B", "large": "L", "huge": "H"}
MODEL = {
    "architecture": Text(),
    "num_classes": maybe(Whole(0, MOST)),
    "global_pool": maybe(Text()),
    "label_names": maybe(ListOf(Text(control=True), MOST)),
    "model_args": maybe(MappingOf(Setting())),
}
INPUT = {
    "mean": maybe(ListOf(Number(), 64)),
    "std": maybe(ListOf(Number(), 64)),
    "crop_pct": maybe(Number(0)),
    "interpolation": maybe(Text()),
}
# Settings of a model that change nothing once it is trained, or that show in its arrays.
KNOWN = set(
    "img_size patch_size in_chans num_classes embed_dim depth num_heads mlp_ratio qkv_bias "
    "global_pool fc_norm class_token no_embed_class act_layer drop_rate pos_drop_rate "
    "patch_drop_rate proj_drop_rate attn_drop_rate drop_path_rate weight_init fix_init "
    "init_values dynamic_img_size strict_img_size proj_bias reg_tokens final_norm pre_norm".split()
)


def read_timm(answer, config, place):
    """Change the Said `answer` to what config.json says. place: what it is, for errors."""
    inputs = config.get("pretrained_cfg") or {
        name: config[name] for name in INPUT if name in config
    }
    check(MODEL, config, place)
    check(INPUT, inputs, place)
    args = {name: value for name, value in (config.get("model_args") or {}).items() if value}
    if unknown := sorted(set(args) - KNOWN):
        raise CheckpointError(f"{place} sets {', '.join(unknown)[:80]}, which minivit cannot read.")
    if (pool := args.get("global_pool") or config.get("global_pool")) not in (None, "token", "avg"):
        raise CheckpointError(f"{place} pools by {pool!r}; minivit does by 'token' or 'avg'.")
    check({"num_heads": maybe(Whole(1, MOST))}, args, place)
    answer.set(
        CONFIG,
        gelu=gelu(args.get("act_layer"), place),
        mean=inputs.get("mean"),
        std=inputs.get("std"),
        crop=inputs.get("crop_pct"),
        pool={"token": "class", "avg": "mean"}.get(pool),
        heads=args.get("num_heads"),
        classes=tuple(config.get("label_names") or ()) or None,
    )
    name = re.fullmatch(r"(?:vit|deit)_(\w+?)_patch\d+_\d+", config["architecture"].split(".")[0])
    if name and name[1] in WORDS and "num_heads" not in args:
        answer.set(f"timm's {config['architecture']}", heads=VARIANTS[WORDS[name[1]]][2])
    answer.sizes = {
        "img_size": (args.get("img_size"), "image_size"),
        "patch_size": (args.get("patch_size"), "patch_size"),
        "in_chans": (args.get("in_chans"), "channels"),
        "embed_dim": (args.get("embed_dim"), "dim"),
        "depth": (args.get("depth"), "depth"),
        "num_classes": (config.get("num_classes") or None, "classes"),
    }
    if (way := inputs.get("interpolation")) not in (None, "bicubic"):
        answer.notes.append(f"pictures are resized by {way} there, and bicubic here.")
