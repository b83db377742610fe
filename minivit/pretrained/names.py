"""Which program an array file is of, by the names in it; and those names as layouts.py has them.

The names have changed over time, and each program puts prefixes before them. Parts of a model that
minivit does not have are refused by their names.
"""

import math
import re
from typing import NamedTuple

from ..arrays.interpolation import bicubic, bicubic_antialiased, bilinear_corners
from ..text import printable
from .layouts import AUTHORS, HUGGING_FACE, TIMM

MOST_BLOCKS = 1000


class Kind(NamedTuple):
    """A program that publishes weights. resample: how it interpolates positions."""

    name: str
    title: str
    layout: dict
    resample: object


KIND_AUTHORS = Kind("authors", "the ViT authors'", AUTHORS, bilinear_corners)
KIND_TIMM = Kind("timm", "timm's", TIMM, bicubic_antialiased)
KIND_HUGGING_FACE = Kind("huggingface", "Hugging Face's", HUGGING_FACE, bicubic)


class Array(NamedTuple):
    """An array's name in the file, its shape, and its row there if all blocks are in one array."""

    stored: str
    shape: tuple
    row: int | None = None


class Found(NamedTuple):
    """What a file holds: its Kind, {name as in layouts.py: Array}, {name: why it is not read}."""

    kind: Kind
    arrays: dict
    left_out: dict


HYBRID = (
    "is a hybrid, with a ResNet before the Transformer; that is read from the authors' npz only"
)
MAP_HEAD = "pools by attention (MAPHead), which minivit does not have"
REFUSED = {  # kind: [a pattern of a name, what the file is]
    "authors": [(r"MAPHead_0/", MAP_HEAD)],
    "timm": [
        (r"patch_embed\.(backbone|conv)", HYBRID),
        (r"fc_norm\.", "normalises after the pooling (fc_norm), and minivit does so before it"),
        (r"reg_token", "has register tokens (reg_token), which minivit does not have"),
        (r"dist_token|head_dist\.", "is a distilled DeiT, with a token (dist_token) and a head "
         "that minivit does not have"),
        (r"blocks\.\d+\.ls\d\.", "has layer scale (ls1.gamma), which minivit does not have"),
        (r"blocks\.\d+\.attn\.[qk]_norm\.", "normalises queries and keys (q_norm), which minivit "
         "does not"),
        (r"norm_pre\.", "normalises before the first block (norm_pre), which minivit does not"),
        (r"attn_pool\.", "pools by attention (attn_pool), which minivit does not have"),
    ],
    "huggingface": [
        (r"vit\.embeddings\.distillation_token|distillation_classifier\.", "is a DeiT with a "
         "distillation token, which minivit does not have; those without one are called ViT"),
        (r"vit\.embeddings\.register_tokens", "has register tokens, which minivit does not have"),
    ],
}  # fmt: skip
HARMLESS = {  # kind: {a pattern of a name: why the model is the same without it}
    "authors": {},
    "timm": {},
    "huggingface": {
        r"vit\.embeddings\.mask_token": "for training on masked images",
        r"vit\.pooler\.": "ViTForImageClassification does not use it",
    },
}
_OLD = {"LayerNorm_1": "LayerNorm_2", "MlpBlock_0": "MlpBlock_3"}
_OLD |= {"MultiHeadDotProductAttention_0": "MultiHeadDotProductAttention_1"}
_V5 = {  # Hugging Face's names since version 5: those before
    r"vit\.layers\.": "vit.encoder.layer.",
    r"\.attention\.q_proj\.": ".attention.attention.query.",
    r"\.attention\.k_proj\.": ".attention.attention.key.",
    r"\.attention\.v_proj\.": ".attention.attention.value.",
    r"\.attention\.o_proj\.": ".attention.output.dense.",
    r"\.mlp\.fc1\.": ".intermediate.dense.",
    r"\.mlp\.fc2\.": ".output.dense.",
}


def recognise(file):
    """What an opened file holds -> Found. Raises CheckpointError for what is not read."""
    names = file.shapes
    for prefix in ("", "params/", "opt/target/"):
        if f"{prefix}embedding/kernel" in names:
            return _found(file, KIND_AUTHORS, _authors(file, prefix))
    if "params/img/embedding/kernel" in names:
        raise file.refuse("holds a model of images and texts; only classifiers are read.")
    if "__meta__" in names:
        raise file.refuse("is a minivit file already; minivit.load and MODEL take it as it is.")
    if "patch_embed.proj.weight" in names or any(n.startswith("patch_embed.") for n in names):
        return _found(file, KIND_TIMM, {name: Array(name, names[name]) for name in names})
    for prefix in ("vit.", "deit.", ""):
        if f"{prefix}embeddings.patch_embeddings.projection.weight" in names:
            return _found(file, KIND_HUGGING_FACE, _hugging_face(file, prefix))
    raise file.refuse(
        "holds no Vision Transformer of the authors, of timm or of Hugging Face: "
        f"its {len(names)} names ({listed(list(names), 3) or 'none'}) are others."
    )


def _found(file, kind, arrays):
    """Found, after a check for parts that minivit does not have."""
    for pattern, what in REFUSED[kind.name]:
        if any(re.match(pattern, name) for name in arrays):
            raise file.refuse(f"{what}.")
    empty = [name for name, array in arrays.items() if 0 in array.shape]
    if empty:
        raise file.refuse(f"is damaged: {listed(empty)} has no numbers.")
    used = {array.stored for array in arrays.values()}
    left_out = {name: "not of the model" for name in file.shapes if name not in used}
    for pattern, why in HARMLESS[kind.name].items():
        for name in [name for name in arrays if re.match(pattern, name)]:
            left_out[arrays.pop(name).stored] = why
    return Found(kind, arrays, left_out)


def _once(file, pairs):
    """{name as in layouts.py: Array} of pairs. Raises CheckpointError for a name found twice."""
    arrays = {}
    for name, array in pairs:
        if name in arrays:
            raise file.refuse(f"holds {arrays[name].stored} a second time, as {array.stored}.")
        arrays[name] = array
    return arrays


def _authors(file, prefix):
    """The names of the authors' first files; from old and new ones, and big_vision's."""

    def pairs():
        for stored, shape in file.shapes.items():
            if not stored.startswith(prefix):
                continue  # an optimizer's state, say
            name = stored.removeprefix(prefix)
            if name == "pos_embedding":
                name = "Transformer/posembed_input/pos_embedding"
            if re.search(r"(^|/)gn_?\w+/(scale|bias)$", name):
                shape = shape[-1:] if math.prod(shape[:-1]) == 1 else shape
            block = re.match(r"Transformer/encoderblock(_\d+)?/", name)
            if block:
                parts = name.split("/")
                name = "/".join([*parts[:2], _OLD.get(parts[2], parts[2]), *parts[3:]])
            if block and not block[1]:  # one array for all blocks
                if not shape or shape[0] > MOST_BLOCKS:
                    raise file.refuse(f"holds {stored} of shape {shape}, not one row a block.")
                for i in range(shape[0]):
                    own = name.replace("encoderblock/", f"encoderblock_{i}/", 1)
                    yield own, Array(stored, shape[1:], i)
            else:
                yield name, Array(stored, shape)

    return _once(file, pairs())


def _hugging_face(file, prefix):
    """The names of Hugging Face's published files; from those since version 5 as well."""

    def pairs():
        for stored, shape in file.shapes.items():
            name = stored
            if not re.match(r"classifier\.|cls_classifier\.|distillation_classifier\.", stored):
                name = "vit." + stored.removeprefix(prefix)
            for new, old in _V5.items():
                name = re.sub(new, old, name, count=1)
            yield name, Array(stored, shape)

    return _once(file, pairs())


def listed(names, most=5):
    """At most so many names in one line, each of at most 80 characters: "a, b and 3 more"."""
    shown = ", ".join(printable(name[:80]) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
