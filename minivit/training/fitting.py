"""The sizes that a model takes from a data set."""

import json
from dataclasses import replace

from ..errors import ConfigError, DataError
from ..storage.checkpoint import MAX_META_BYTES

MOST_NAMES = MAX_META_BYTES - (1 << 16)  # bytes of the classes' names; the rest is for all else


def fitted(config, dataset, asked):
    """`config` with the data's image size, channels and classes, unless others were asked for."""
    names = len(json.dumps(dataset.classes))
    if names > MOST_NAMES:
        raise DataError(
            f"{dataset.name}: the names of its {len(dataset.classes):,} classes have {names:,} "
            f"bytes, and a checkpoint holds {MOST_NAMES:,}; give the classes shorter names."
        )
    height, width, channels = dataset.train_images.shape[1:]
    if height != width:
        raise ConfigError(f"{dataset.name}: images are {height} x {width}; they must be square")
    sizes = {"image_size": height, "channels": channels, "classes": len(dataset.classes)}
    for name, size in sizes.items():
        if asked.get(name, size) != size:
            option = "--" + name.replace("_", "-")
            raise ConfigError(
                f"{option} {asked[name]}: {dataset.name} has {size}; leave the option out"
            )
    return replace(config, **sizes)
