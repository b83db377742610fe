"""Where each parameter of a ViT is in the files of other programs, and in which shape.

A layout is a table of minivit's parameters. Each row has a parameter's name here ({i}: the number
of a block; {s} and {u}: of a ResNet's stage and unit), its name there, and the form in which it is
stored there. Where a row has three names there (q, k, v), the three are side by side here.

    same          as here
    (1, 1, D), (1, T, D)
                  as here, behind one or two axes of length 1
    transposed    a matrix for y = w x: (outputs, inputs), as PyTorch has it
    OIHW          a convolution's kernel as PyTorch has it, (D, C, P, P)
    HWIO          a convolution's kernel as JAX has it, (P, P, C, D); HWIO 3: of 3 x 3 pixels
    in, heads     (D, heads, K); heads: (heads, K); heads, out: (heads, K, D), K = D / heads

Sources: the authors' code, github.com/google-research/vision_transformer, vit_jax/models_vit.py;
timm, models/vision_transformer.py; Hugging Face transformers, models/vit/modeling_vit.py.
"""

import math
import re
from typing import NamedTuple

import numpy as np

from ..arrays import tree
from ..vit import ViT

QKV = ("query", "key", "value")


def _both(ours, theirs, forms=("same", "same"), end=("weight", "bias")):
    """The two rows of a layer with a weight and a bias."""
    here = ("gamma", "beta") if "norm" in ours else ("w", "b")
    names = (theirs,) if isinstance(theirs, str) else theirs
    for last, other, form in zip(here, end, forms, strict=True):
        yield f"{ours}.{last}", tuple(name + other for name in names), form


def _table(*rows):
    return {ours: (names, form) for ours, names, form in rows}


MATRIX = ("transposed", "same")
TIMM = _table(
    *_both("patch", "patch_embed.proj.", ("OIHW", "same")),
    ("class_token.cls", ("cls_token",), "(1, 1, D)"),
    ("position.pos", ("pos_embed",), "(1, T, D)"),
    *_both("block{i}.norm1", "blocks.{i}.norm1."),
    *_both("block{i}.attn.qkv", "blocks.{i}.attn.qkv.", MATRIX),
    *_both("block{i}.attn.proj", "blocks.{i}.attn.proj.", MATRIX),
    *_both("block{i}.norm2", "blocks.{i}.norm2."),
    *_both("block{i}.mlp.fc1", "blocks.{i}.mlp.fc1.", MATRIX),
    *_both("block{i}.mlp.fc2", "blocks.{i}.mlp.fc2.", MATRIX),
    *_both("norm", "norm."),
    *_both("pre_logits", "pre_logits.fc.", MATRIX),
    *_both("head", "head.", MATRIX),
)

_EMBEDDINGS, _LAYER = "vit.embeddings.", "vit.encoder.layer.{i}."
HUGGING_FACE = _table(
    *_both("patch", _EMBEDDINGS + "patch_embeddings.projection.", ("OIHW", "same")),
    ("class_token.cls", (_EMBEDDINGS + "cls_token",), "(1, 1, D)"),
    ("position.pos", (_EMBEDDINGS + "position_embeddings",), "(1, T, D)"),
    *_both("block{i}.norm1", _LAYER + "layernorm_before."),
    *_both("block{i}.attn.qkv", [f"{_LAYER}attention.attention.{part}." for part in QKV], MATRIX),
    *_both("block{i}.attn.proj", _LAYER + "attention.output.dense.", MATRIX),
    *_both("block{i}.norm2", _LAYER + "layernorm_after."),
    *_both("block{i}.mlp.fc1", _LAYER + "intermediate.dense.", MATRIX),
    *_both("block{i}.mlp.fc2", _LAYER + "output.dense.", MATRIX),
    *_both("norm", "vit.layernorm."),
    *_both("pre_logits", "vit.pooler.dense.", MATRIX),
    *_both("head", "classifier.", MATRIX),
)

_JAX, _BLOCK = ("kernel", "bias"), "Transformer/encoderblock_{i}/"
_ATTENTION = _BLOCK + "MultiHeadDotProductAttention_1/"
_UNIT, _THEIRS = "stem.stage{s}.unit{u}.", "block{s}/unit{u}/"


def _convolution(ours, number, theirs, theirs_end, size):
    """The three rows of a convolution of `size` pixels without bias, and of its group norm."""
    yield f"{ours}conv{number}.w", (f"{theirs}conv{theirs_end}/kernel",), f"HWIO {size}"
    yield from _both(f"{ours}norm{number}", f"{theirs}gn{theirs_end}/", end=("scale", "bias"))


AUTHORS = _table(
    *_convolution("stem.", "", "", "_root", 7),
    *_convolution(f"{_UNIT}branch.", 1, _THEIRS, 1, 1),
    *_convolution(f"{_UNIT}branch.", 2, _THEIRS, 2, 3),
    *_convolution(f"{_UNIT}branch.", 3, _THEIRS, 3, 1),
    *_convolution(f"{_UNIT}shortcut.", "", _THEIRS, "_proj", 1),
    *_both("patch", "embedding/", ("HWIO", "same"), _JAX),
    ("class_token.cls", ("cls",), "(1, 1, D)"),
    ("position.pos", ("Transformer/posembed_input/pos_embedding",), "(1, T, D)"),
    *_both("block{i}.norm1", _BLOCK + "LayerNorm_0/", end=("scale", "bias")),
    *_both("block{i}.attn.qkv", [f"{_ATTENTION}{p}/" for p in QKV], ("in, heads", "heads"), _JAX),
    *_both("block{i}.attn.proj", _ATTENTION + "out/", ("heads, out", "same"), _JAX),
    *_both("block{i}.norm2", _BLOCK + "LayerNorm_2/", end=("scale", "bias")),
    *_both("block{i}.mlp.fc1", _BLOCK + "MlpBlock_3/Dense_0/", end=_JAX),
    *_both("block{i}.mlp.fc2", _BLOCK + "MlpBlock_3/Dense_1/", end=_JAX),
    *_both("norm", "Transformer/encoder_norm/", end=("scale", "bias")),
    *_both("pre_logits", "pre_logits/", end=_JAX),
    *_both("head", "head/", end=_JAX),
)


class Place(NamedTuple):
    """Where one parameter is in a file: `names` of one array or three, each of `shape` there.

    form: as above; here: the parameter's shape in minivit.
    """

    names: tuple
    shape: tuple
    form: str
    here: tuple

    def read(self, arrays):
        """The arrays of the file, in the order of `names` -> the parameter, C-contiguous."""
        out = np.empty(self.here, np.float32)
        for i, array in enumerate(arrays):
            self.put(out, i, array)
        return out

    def put(self, parameter, i, array):
        """Write the array of the name `names[i]` into its part of the parameter."""
        part = self._parts(parameter)[i]
        if self.form == "transposed":
            array = array.T
        elif self.form == "OIHW":
            array = array.transpose(2, 3, 1, 0)
        part[...] = array.reshape(part.shape)

    def write(self, parameter):
        """The parameter -> arrays for the file, in the order of `names`. The inverse of `read`."""
        for part in self._parts(parameter):
            if self.form == "transposed":
                part = part.T
            elif self.form == "OIHW":
                d, c, p, _ = self.shape
                part = part.reshape(p, p, c, d).transpose(3, 2, 0, 1)
            yield np.ascontiguousarray(part.reshape(self.shape), np.float32)

    def _parts(self, parameter):
        """Views of the parameter, one for each name."""
        return np.split(parameter, len(self.names), axis=-1)


def places(layout, config):
    """{parameter's name here: Place} of all parameters of a model, in minivit's order.

    layout: AUTHORS, TIMM or HUGGING_FACE. Raises KeyError for a parameter that it has no place for.
    """
    found = {}
    for name, leaf in tree.walk(ViT(config).init(None)):
        row, numbers = _numbered(name)
        names, form = layout[row]
        names = tuple(n.format(**numbers) for n in names)
        one = (*leaf.shape[:-1], leaf.shape[-1] // len(names))
        found[name] = Place(names, _shape_there(form, one, config), form, leaf.shape)
    return found


def _numbered(name):
    """ "block3.norm1.w" -> "block{i}.norm1.w", {"i": "3"}."""
    if match := re.match(r"block(?P<i>\d+)\.|stem\.stage(?P<s>\d+)\.unit(?P<u>\d+)\.", name):
        numbers = {letter: number for letter, number in match.groupdict().items() if number}
        start = _UNIT if "s" in numbers else "block{i}."
        return start + name[match.end() :], numbers
    return name, {}


def _shape_there(form, here, config):
    """The shape in which a parameter of the shape `here` is stored in this form."""
    heads, c = config.heads, config.map_channels
    if form.startswith("HWIO "):
        size = int(form.removeprefix("HWIO "))
        return (size, size, here[0] // size**2, here[1])
    if form in ("OIHW", "HWIO"):
        p = math.isqrt(here[0] // c)
        return (here[1], c, p, p) if form == "OIHW" else (p, p, c, here[1])
    return {
        "same": here,
        "transposed": here[::-1],
        "(1, 1, D)": (1, 1, *here),
        "(1, T, D)": (1, *here),
        "in, heads": (*here[:-1], heads, here[-1] // heads),
        "heads": (heads, here[-1] // heads),
        "heads, out": (heads, here[0] // heads, *here[1:]),
    }[form]
