"""Three probes on the features of every block -> rows."""

from typing import NamedTuple

import numpy as np

from ..arrays.keys import generator
from .logistic import Logistic, minimiser
from .neighbours import Neighbours
from .ridge import Ridge

PROBES = {"ridge": Ridge, "logistic": Logistic, "neighbours": Neighbours}
HELD_OUT = 0.2  # share of the probe's training images that decides the strengths
IMAGES = 256  # that go through the model at once: their features are small, their tokens are not


class Row(NamedTuple):
    """A block (from 0), which of its features, and the accuracy of each probe on test images."""

    block: int
    features: str
    ridge: float
    logistic: float
    neighbours: float


def probe(trained, training, test, classes, seed=0, done=None):
    """Probe every block of a `Trained` -> list of Row.

    training, test: (images (n, H, W, C) uint8, labels (n,)); classes: how many. seed: of the images
    that are held out, to choose how strongly the probes are regularised; the chosen ones then learn
    from all. done: called with a number of images, or of probes, whenever so many are done. Raises
    BackendError without SciPy.
    """
    minimiser()  # raises without SciPy, before the features are computed
    done = done or (lambda count: None)
    features = [block_features(trained, images, done) for images, _ in (training, test)]
    labels = training[1]
    held_out = generator(seed, "probe").random(len(labels)) < HELD_OUT
    if held_out.all() or not held_out.any():  # few images
        held_out = np.arange(len(labels)) % 2 == 0
    rows = []
    for block in range(trained.config.depth):
        for name, of in ways(trained.config).items():
            x, seen = (_joined(f[:, block], of) for f in features)
            x, seen = standardised(x, seen)
            right = []
            for kind in PROBES.values():
                scores = kind().fit(x, labels, classes, held_out).scores(seen)
                right.append(float((scores.argmax(axis=1) == test[1]).mean()))
                done(1)
            rows.append(Row(block, name, *right))
    return rows


def count_of_probes(config):
    """How many probes `probe` fits."""
    return config.depth * len(ways(config)) * len(PROBES)


def ways(config):
    """{name: indices of the vectors of a block that are put side by side}."""
    if not config.prefix_tokens:
        return {"mean": (0,)}
    return {"class": (0,), "mean": (1,), "both": (0, 1)}


def block_features(trained, images, done):
    """(n, depth, 1 or 2, D) float32: see `Trained.summaries`."""
    parts = []
    for start in range(0, len(images), IMAGES):
        parts.append(trained.summaries(images[start : start + IMAGES]))
        done(len(parts[-1]))
    return np.concatenate(parts)


def standardised(x, *others):
    """Each column of x with mean 0 and standard deviation 1; the others by the same -> float64."""
    x = x.astype(np.float64)
    mean, std = x.mean(axis=0), x.std(axis=0)
    std[std < 1e-6] = 1.0  # a column that says nothing
    return [(a.astype(np.float64) - mean) / std for a in (x, *others)]


def _joined(features, of):
    return features[:, of].reshape(len(features), -1)
