"""From a file's arrays to a model's parameters, array by array.

Every array must have its place, and every parameter its arrays. What may be missing has a known
value then; it is in the report, as is what is not read.
"""

import math

import numpy as np

from . import positions
from .layouts import places
from .names import listed

HEAD = ("head.", "pre_logits.")
POSITIONS = "position.pos"


def plan(file, found, config, new_head, report):
    """{parameter: Place} of what the file is to give a model of `config`.

    new_head: leave out the file's head. Raises CheckpointError unless the names and shapes in the
    file are those of the model.
    """
    made = places(found.kind.layout, config)
    if new_head:
        for name in [name for name in made if name.startswith(HEAD)]:
            for there in made.pop(name).names:
                if array := found.arrays.pop(there, None):
                    found.left_out[array.stored] = "a new head is at its place"
    wanted = {there: place.shape for place in made.values() for there in place.names}
    missing = [there for there in wanted if there not in found.arrays]
    harmless, why = _may_be_missing(found.kind, made)
    if harmless and set(missing) >= set(harmless):
        missing = [there for there in missing if there not in harmless]
        report.missing = dict.fromkeys(harmless, why)
    different = [
        f"{array.stored} {array.shape}, expected {wanted[there]}"
        for there, array in found.arrays.items()
        if there in wanted
        and array.shape != wanted[there]
        and not (there in made[POSITIONS].names and _without_class(array.shape, config))
    ]
    unexpected = [array.stored for name, array in found.arrays.items() if name not in wanted]
    words = {"missing": missing, "unexpected": unexpected, "different": different}
    problems = [f"{word} {len(names)}: {listed(names)}" for word, names in words.items() if names]
    if problems:
        raise file.refuse(f"is no model that minivit can hold: {'; '.join(problems)}.")
    report.unexpected = dict(found.left_out)
    return made


def _may_be_missing(kind, made):
    """Names of arrays that a program leaves out, all of them or none, and what is taken then."""
    if kind.name == "authors":
        return made[POSITIONS].names, "sines and cosines of the places, which are not stored"
    biases = [there for name in made if name.endswith("qkv.b") for there in made[name].names]
    return biases, "zero, as its queries, keys and values have no bias"


def _without_class(shape, config):
    """Whether positions of this shape are of the patches alone, and have one for each."""
    return shape == (1, config.patches, config.dim)


def parameters(file, found, made, config, bar):
    """{name: float32 array} of the parameters in `made`, read in the order of the file.

    Apart from them, one array of the file is in memory at a time. bar: its `update()` is called for
    each. Raises CheckpointError for values that are not finite, and as `file.read` does.
    """
    params = {name: np.zeros(place.here, np.float32) for name, place in made.items()}
    targets = {}
    for name, place in made.items():
        for part, there in enumerate(place.names):
            if array := found.arrays.get(there):
                targets.setdefault(array.stored, []).append((name, part, array.row))
    for stored in [name for name in file.shapes if name in targets]:
        values = file.read(stored)
        if values.shape != file.shapes[stored]:
            raise file.refuse("has changed while it was read; import it again.")
        if not np.isfinite(values).all():
            raise file.refuse(f"holds values that are not finite in {stored}; use another.")
        for name, part, row in targets[stored]:
            own = values if row is None else values[row]
            if name == POSITIONS and own.shape != made[name].shape:  # the class token has none
                params[name][1:] = own[0]
            else:
                made[name].put(params[name], part, own)
        bar.update()
    if found.kind.name == "authors" and made[POSITIONS].names[0] not in found.arrays:
        if config.dim % 4 or config.dim == 4:
            raise file.refuse("has no position embeddings.")
        params[POSITIONS][-config.patches :] = positions.sines(
            math.isqrt(config.patches), config.dim
        )
    return params


def resample(kind, params, own, config, report):
    """Interpolate the position embeddings, of a model `own`, for the image size of `config`."""
    old, new = (math.isqrt(c.patches) for c in (own, config))
    if old == new:
        return
    params[POSITIONS] = positions.resample(
        params[POSITIONS], own.prefix_tokens, old, new, kind.resample
    )
    way = positions.WAYS[kind.resample]
    report.reshaped[POSITIONS] = f"grid {old} x {old} -> {new} x {new}, {way}"


def add_new_head(params, config, report):
    """A head at zero: its first step decides where it goes, as in the paper's fine-tuning."""
    params["head.w"] = np.zeros((config.dim, config.classes), np.float32)
    params["head.b"] = np.zeros(config.classes, np.float32)
    report.new = ["head.w", "head.b"]
