"""What Hugging Face's config.json and preprocessor_config.json say of weights beside them.

Source: transformers, models/vit/configuration_vit.py and image_processing_vit.py.
"""

import math
import re

from ..errors import CheckpointError
from ..storage.meta import Either, ListOf, MappingOf, Number, Optional, Text, Whole
from .beside import CONFIG, PREPROCESSOR
from .said import MOST, check, gelu, maybe

SIZE = Either(Whole(1, MOST), MappingOf(Optional(Whole(1, MOST))))
SIDE = Either(Whole(1, MOST), ListOf(Whole(1, MOST), 3))
COUNTS = (
    "hidden_size num_hidden_layers num_attention_heads intermediate_size num_channels"
).split()
MODEL = {
    **{name: maybe(Whole(1, MOST)) for name in COUNTS},
    "image_size": maybe(SIDE),
    "patch_size": maybe(SIDE),
    "hidden_act": maybe(Text()),
    "layer_norm_eps": maybe(Number(0)),
    "id2label": maybe(MappingOf(Text(control=True))),
}
INPUT = {
    "image_mean": maybe(ListOf(Number(), 64)),
    "image_std": maybe(ListOf(Number(), 64)),
    "size": maybe(SIZE),
    "crop_size": maybe(SIZE),
    "resample": maybe(Whole(0, 10)),
    "rescale_factor": maybe(Number(0)),
}
BICUBIC = 3  # Pillow's number


def read_hugging_face(answer, config, place):
    """Change the Said `answer` to what config.json says. place: what it is, for errors."""
    if config["model_type"] != "vit":
        raise CheckpointError(f"{place} is of a model {str(config['model_type'])[:40]!r}, and of "
                              "Hugging Face's models only 'vit' is read.")  # fmt: skip
    check(MODEL, config, place)
    labels = config.get("id2label") or {}
    names = [labels.get(str(i)) for i in range(len(labels))]
    plain = None in names or all(re.fullmatch(r"LABEL_\d+", name) for name in names)
    answer.set(
        CONFIG,
        gelu=gelu(config.get("hidden_act"), place),
        norm_eps=config.get("layer_norm_eps"),
        heads=config.get("num_attention_heads"),
        classes=None if plain else tuple(names),
    )
    ours = {"hidden_size": "dim", "num_hidden_layers": "depth", "intermediate_size": "mlp_dim",
            "image_size": "image_size", "patch_size": "patch_size",
            "num_channels": "channels"}  # fmt: skip
    answer.sizes = {name: (config.get(name), own) for name, own in ours.items()}


def read_preprocessor(answer, values, place):
    """Change the Said `answer` to what preprocessor_config.json says; values: None if not there."""
    if values is None:
        answer.notes.append(f"there is no {place}, so nothing says how pictures are prepared.")
        return
    check(INPUT, values, place)
    factor = values.get("rescale_factor")
    if factor is not None and not math.isclose(factor, 1 / 255, rel_tol=1e-3):
        raise CheckpointError(f"{place} scales pixels by {factor:g}; minivit does by 1/255.")
    if values.get("do_normalize") is False:
        answer.set(PREPROCESSOR, mean=(0.0,), std=(1.0,))
    else:
        answer.set(PREPROCESSOR, mean=values.get("image_mean"), std=values.get("image_std"))
    size, crop = (_sides(values.get(name)) for name in ("size", "crop_size"))
    if size and crop and values.get("do_center_crop"):
        answer.set(PREPROCESSOR, crop=min(1.0, crop[0] / size[0]))
    if size and len(size) == 2:
        answer.notes.append("pictures are squeezed into a square there; here the square in the "
                            "middle is taken.")  # fmt: skip
    if values.get("resample", BICUBIC) != BICUBIC:
        answer.notes.append("pictures are resized in another way there, and bicubic here.")


def _sides(size):
    """[shorter side] or [height, width] of a size in a preprocessor_config.json; [] if none."""
    if isinstance(size, dict):
        if edge := size.get("shortest_edge"):
            return [edge]
        return [size[n] for n in ("height", "width") if size.get(n)]
    return [size, size] if size else []
