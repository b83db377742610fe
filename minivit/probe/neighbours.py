"""k nearest neighbours: an image has the class of the training images that are most like it."""

from dataclasses import dataclass

import numpy as np

CHUNK = 500  # images whose similarities to all training images are in memory at once


@dataclass
class Neighbours:
    """The vote of the `k` training images with the most similar features.

        similarity   = x . x' / (|x| |x'|)                the cosine of the angle between them
        score[c]     = sum over the k nearest with label c of exp(similarity / temperature)

    Nothing is learned, so this says how the features lie, without the help of a linear map.

    Source: Wu et al. 2018, arXiv:1805.01978, section 3.4; k and temperature: Caron et al. 2021,
    arXiv:2104.14294, appendix F.1.
    """

    k: int = 20
    temperature: float = 0.07

    def fit(self, x, labels, classes, held_out=None):
        """x (n, D), labels (n,) -> self. All images vote."""
        self.x, self.labels, self.classes = _unit(x), labels, classes
        return self

    def scores(self, x):
        """x (n, D) -> (n, classes)."""
        k = min(self.k, len(self.labels))
        scores = np.zeros((len(x), self.classes))
        for start in range(0, len(x), CHUNK):
            similarity = _unit(x[start : start + CHUNK]) @ self.x.T
            nearest = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
            votes = np.exp((np.take_along_axis(similarity, nearest, 1) - 1) / self.temperature)
            rows = start + np.arange(len(similarity))[:, None]
            np.add.at(scores, (rows, self.labels[nearest]), votes)
        return scores


def _unit(x):
    """Rows of length 1; a row of zeros stays."""
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
