"""What the tests of training share: small pictures, and all that a run leaves behind."""

import json

import numpy as np

from minivit.arrays.backend import to_device
from minivit.storage import checkpoint


def data(count, seed=0, xp=np):
    """A batch of noise: images (count, 8, 8, 3) uint8, and labels of ten classes."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return to_device(images, xp), to_device(rng.integers(0, 10, count), xp)


def left_behind(directory, description=True):
    """All that a run leaves, but for times: rows, and the bytes of last.npz and best.npz.

    description: also what the run was (runs on other data, say, differ in that).
    """
    rows = [json.loads(line) for line in directory.metrics.read_text().splitlines()]
    for row in rows:
        row.pop("images_per_second", None), row.pop("elapsed_s", None)
    files = []
    for path in (directory.last, directory.best):
        arrays, meta = checkpoint.load(path)
        meta["position"].pop("elapsed_s")
        kept = meta if description else meta["position"]
        files.append(({name: a.tobytes() for name, a in arrays.items()}, kept))
    return rows, files
