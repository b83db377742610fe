"""Principal components: the directions in which samples differ most."""

import numpy as np


def principal_components(x, count):
    """x (n, d) -> scores (n, count), components (count, d), shares (count,) of the variance.

        x - mean     = scores @ components, as far as `count` components go
        components   are orthonormal, by falling variance of their scores

    Each component has the sign with which its largest number is positive. count is at most
    min(n, d). Where all samples are equal, the shares are 0.
    """
    centred = x - x.mean(axis=0)
    u, s, vt = np.linalg.svd(np.asarray(centred, np.float64), full_matrices=False)
    largest = np.take_along_axis(vt, abs(vt).argmax(axis=1)[:, None], axis=1)[:, 0]
    sign = np.where(largest < 0, -1.0, 1.0)
    total = (s**2).sum()
    shares = s**2 / total if total > 0 else np.zeros_like(s)
    return (u * s * sign)[:, :count], (vt * sign[:, None])[:count], shares[:count]
