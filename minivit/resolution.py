"""A trained model at another image size: what of its parameters depends on the size, resampled.

The patches keep their size in pixels, so there are more or fewer of them. Only what says where a
patch is depends on their number:

    learned      a vector for each patch             interpolated in two dimensions
    learned-2d   a vector for each row and column    each interpolated in one
    relative     a number for each head and offset   the table of offsets, in two dimensions
    every-block  the same before every block         as the first; shared or not
    sincos-2d, none                                  nothing is stored

Source: Dosovitskiy et al. 2021, arXiv:2010.11929, section 3.2 ("2D interpolation of the pre-trained
position embeddings, according to their location in the original image").
"""

from dataclasses import replace

import numpy as np

from .arrays.interpolation import WAYS, grid_matrix
from .config import EVERY_BLOCK, pair
from .errors import ConfigError
from .text import unknown

WAY = "bilinear-corners"  # the authors' own


def at_size(config, params, image_size, way=WAY):
    """A model for images of another size -> Config, parameters, and what was done, in words.

    way: a name of `WAYS`. Parameters that do not depend on the size are the same arrays. Raises
    ConfigError for a size that the model's patches do not divide.
    """
    if way not in WAYS:
        raise ConfigError(unknown("interpolation", way, WAYS))
    refuse_misfit(config, image_size)
    other = replace(config, image_size=image_size)
    if not hasattr(config, "position") or other.grid == config.grid:  # a residual network
        return other, params, ""
    old, new = config.grid, other.grid
    words = f"{old[0]} x {old[1]} to {new[0]} x {new[1]} patches"
    if config.position in ("none", "sincos-2d"):
        return other, params, f"{words}; its positions need no interpolation"
    return other, _resampled(config, params, new, WAYS[way]), f"{words}, positions {way}"


def refuse_misfit(config, image_size):
    """Raise ConfigError unless the model's patches divide the size, naming sizes that would do."""
    for side, patch in zip(pair(image_size), pair(config.patch_size), strict=True):
        if side % patch:
            near = sorted({side // patch * patch, -(-side // patch) * patch} - {0})
            raise ConfigError(
                f"image_size {side} is no multiple of the model's patches of {patch} pixels; "
                f"{' or '.join(map(str, near))} would be"
            )


def of_trained(trained, image_size, way=WAY):
    """A `Trained` for images of another size -> Trained, and what was done, in words.

    Its `about` says from which size, and no longer what was measured. Raises as `at_size` does.
    """
    config, params, words = at_size(trained.config, trained.params, image_size, way)
    about = {name: value for name, value in trained.about.items() if name != "test"}
    about["resized_from"] = trained.about.get("resized_from", trained.config.image_size)
    objective = trained.objective
    if hasattr(objective, "targets_in"):  # its targets are patches of the images
        objective = type(objective).of(config, None)
    other = {"config": config, "params": params, "objective": objective, "about": about}
    return replace(trained, **other), words


def _resampled(config, params, new, way):
    """The parameters for the grid `new`."""
    old, prefix, made = config.grid, config.prefix_tokens, dict(params)
    if config.position in ("learned", *EVERY_BLOCK):
        matrix = grid_matrix(way, old, new, prefix)
        for name in [name for name in params if name.startswith("position")]:
            made[name] = {"pos": _times(matrix, params[name]["pos"])}
    elif config.position == "learned-2d":
        made["position"] = {
            name: _times(way(*sizes), params["position"][name])
            for name, sizes in zip(("row", "column"), zip(old, new, strict=True), strict=True)
        }
    else:  # relative; three numbers of the class token come after those of the offsets
        offsets = [tuple(2 * side - 1 for side in grid) for grid in (old, new)]
        matrix = grid_matrix(way, *offsets, suffix=3 * prefix)
        for i in range(config.depth):
            attn = params[f"block{i}"]["attn"]
            bias = _times(matrix, attn["bias"].T).T
            made[f"block{i}"] = {**params[f"block{i}"], "attn": {**attn, "bias": bias}}
    return made


def _times(matrix, x):
    """matrix @ x in float64, in the dtype of x and contiguous."""
    return np.ascontiguousarray((matrix @ x.astype(np.float64)).astype(x.dtype))
