"""The sizes of a model, from the shapes of its arrays. These do not always say the heads."""

import math
import re
from dataclasses import replace

from ..config import VARIANTS, Config
from ..convolution.stems import ROOT, STEMS
from ..errors import ConfigError
from ..resolution import refuse_misfit

# Published models: the number of heads by the width.
HEADS = {dim: heads for dim, _, heads, _ in VARIANTS.values()}


def sizes(file, found, said, image_size=None, classes=None, heads=None):
    """The Config of the model in a file, with the file's own image size and head.

    found, said: what `recognise` and `defaults.said` gave. image_size, classes, heads: as the user
    gave them, for a file that does not say; where it does, image_size and classes may differ, and
    heads may not. Raises CheckpointError, or ConfigError where an option is needed or wrong.
    """
    shape = _Shapes(file, found)
    patch = shape.of("patch.w", 4)
    if found.kind.name == "authors":
        (p, other, channels, dim), query = patch, shape.of("block{i}.attn.qkv.w", 3)
    else:
        (dim, channels, p, other), query = patch, None
    if p != other:
        raise file.refuse(f"has patches of {other} x {p} pixels; only square ones are read.")
    pool = _pool(file, said, shape.has("class_token.cls"))
    stem, channels = _stem(file, found, shape, channels)
    p *= STEMS[stem].stride if stem != "none" else 1
    own = {
        "stem": stem,
        "image_size": p * _side(file, found, shape, pool, p, image_size),
        "patch_size": p,
        "channels": channels,
        "classes": shape.of("head.b", 1)[0] if shape.has("head.b") else classes,
        "dim": dim,
        "depth": _depth(file, found),
        "mlp_dim": shape.of("block{i}.mlp.fc1.b", 1)[0],
        "pre_logits": shape.of("pre_logits.b", 1)[0] if shape.has("pre_logits.b") else 0,
        "heads": _heads(file, said, dim, query, heads),
        "pool": pool,
        "gelu": said.values["gelu"],
        "norm_eps": said.values["norm_eps"],
    }
    if classes is None and shape.has("head.w") and not shape.has("head.b"):
        raise file.refuse("has a head without a bias; --classes N puts a new one there, at zero.")
    if own["classes"] is None:
        raise ConfigError(f"{file.path} has no head; --classes N gives it one, at zero.")
    for name, (value, ours) in said.sizes.items():
        if value is not None and value not in (own[ours], [own[ours]] * 2):
            raise file.refuse(f"is not what its config.json says: {name} is {value!r:.40} there, "
                              f"and {own[ours]} here.")  # fmt: skip
    try:
        return Config(**own)
    except ConfigError as error:
        raise file.refuse(f"holds no model that can be: {error}.") from None


class _Shapes:
    """The shapes of a file's arrays by the names of rows in layouts.py."""

    def __init__(self, file, found):
        self.file, self.found = file, found

    def _name(self, row):
        return self.found.kind.layout[row][0][0].replace("{i}", "0")

    def has(self, row):
        """Whether the first array of this row is there."""
        return self._name(row) in self.found.arrays

    def of(self, row, axes):
        """The shape of the first array of this row. Raises CheckpointError."""
        array = self.found.arrays.get(self._name(row))
        if array is None:
            raise self.file.refuse(f"is no whole model: {self._name(row)} is missing.")
        if len(array.shape) != axes:
            raise self.file.refuse(f"has {array.stored} of shape {array.shape}, and it should have "
                                   f"{axes} axes.")  # fmt: skip
        return array.shape


def _stem(file, found, shape, channels):
    """The name of the stem, and the channels of the images. channels: those the patches have."""
    numbered = (re.match(r"block(\d+)/unit(\d+)/", name) for name in found.arrays)
    units = {(int(m[1]), int(m[2])) for m in numbered if m}
    if found.kind.name != "authors" or not (units or shape.has("stem.conv.w")):
        return "none", channels
    counts = [sum(stage == s for s, _ in units) for stage in range(1, len(units) + 1)]
    counts = tuple(count for count in counts if count)
    root = shape.of("stem.conv.w", 4)
    for name, stem in STEMS.items():
        if stem.units and counts == stem.units and root[3] == ROOT and channels == stem.channels:
            return name, root[2]
    raise file.refuse(f"has a ResNet of {counts} units in its stages, {root[3]} channels at its "
                      f"root and {channels} at its end; minivit has "
                      f"{', '.join(n for n, s in STEMS.items() if s.units)}.")  # fmt: skip


def _pool(file, said, class_token):
    """ "class" or "mean": what the head reads."""
    pool = "class" if class_token else "mean"
    wanted = said.values.get("pool")
    if wanted not in (None, pool):
        raise file.refuse(
            f"pools by the {wanted}, and has {'a' if class_token else 'no'} class token; minivit "
            "reads the class token where there is one, and else the mean of the patches."
        )
    if pool == "mean" and not wanted:
        said.notes.append("there is no class token, so the head reads the mean of the patches.")
    return pool


def _depth(file, found):
    """The number of blocks: those that are numbered from 0 without a gap."""
    pattern = re.escape(found.kind.layout["block{i}.norm1.gamma"][0][0])
    pattern = pattern.replace(r"\{i\}", r"(\d{1,6})")
    numbers = {int(m[1]) for name in found.arrays if (m := re.fullmatch(pattern, name))}
    if numbers != set(range(len(numbers))) or not numbers:
        name = found.kind.layout["block{i}.norm1.gamma"][0][0]
        raise file.refuse(f"is no whole model: {name} is not there for blocks 0, 1, ... without a "
                          "gap.")  # fmt: skip
    return len(numbers)


def _side(file, found, shape, pool, p, image_size):
    """Patches along a side of the image."""
    if not shape.has("position.pos"):
        if found.kind.name != "authors":
            raise file.refuse("is no whole model: it has no position embeddings.")
        if image_size is None:
            raise ConfigError(
                f"{file.path} stores no position embeddings, so it says no image size: give "
                "--image-size N (224 for big_vision's published models)."
            )
        return image_size // p
    count = shape.of("position.pos", 3)[1]
    for patches in (count, count - 1) if pool == "class" else (count,):
        if patches and math.isqrt(patches) ** 2 == patches:
            return math.isqrt(patches)
    raise file.refuse(f"has {count} position embeddings, which are no square of patches.")


def _heads(file, said, dim, query, given):
    """The number of attention heads, and in `said` where it is from."""
    known = query[1] if query else said.values.get("heads")
    if query:
        said.set("the arrays' shapes", heads=known)
    if known is None and given is None and dim in HEADS:
        said.set("published models of this width", heads=HEADS[dim])
        said.notes.append(f"nothing says how many heads there are: {HEADS[dim]} is what published "
                          f"models of width {dim} have (--heads N for another).")  # fmt: skip
        return HEADS[dim]
    if known is None:
        if given is None:
            raise ConfigError(f"nothing says how many attention heads {file.path} has, and no "
                              f"published model has its width {dim}; give --heads N.")  # fmt: skip
        said.set("as given", heads=given)
        return given
    if given not in (None, known):
        raise ConfigError(f"--heads is {given}, and {file.path} has {known} "
                          f"({said.origin['heads']}); leave the option out.")  # fmt: skip
    return known


def resized(config, image_size, classes):
    """The Config after import: with another image size, and a new head. Raises ConfigError."""
    changes = {} if classes is None else {"classes": classes, "pre_logits": 0}
    if image_size is not None:
        refuse_misfit(config, image_size)
    return replace(config, image_size=image_size or config.image_size, **changes)
