"""PickPatches: of an image's tokens, those of its corrupted patches."""

from dataclasses import dataclass

from ..arrays.backend import array_module, to_device
from ..arrays.keys import Key

EVALUATION = Key(0)  # where a model is judged, image i of a micro-batch always has the same mask


def corrupted(key, images, patches, share):
    """Which patches of each image are corrupted -> indices (images, n), ascending, on the host.

    n is the same for every image, and at least 1. key: a `Key`, or None in evaluation. Each patch
    gets a 16-bit random number; those with the smallest numbers are taken.
    """
    numbers = (key or EVALUATION).at("corrupted").uint16((images, patches))
    count = max(1, round(share * patches))
    chosen = numbers.argsort(axis=1, kind="stable")[:, :count]
    chosen.sort(axis=1)
    return chosen


@dataclass(frozen=True)
class PickPatches:
    """Keep the tokens of the corrupted patches: only these are predicted.

        y[b, i]                    = x[b, prefix_tokens + chosen[b, i]]

        dx[b, prefix + chosen[b]]  = dy[b], zero elsewhere

    `chosen` is what `corrupted` draws from the key: with the key of `CorruptPatches`, the same
    patches. forward keeps these indices and the shape of x.
    """

    share: float = 0.5
    prefix_tokens: int = 0

    def init(self, rng):
        """No parameters."""
        return {}

    def forward(self, params, x, key=None):
        """x (B, T, D) -> y (B, n, D), cache."""
        b, t, _ = x.shape
        xp, prefix = array_module(x), self.prefix_tokens
        chosen = to_device(prefix + corrupted(key, b, t - prefix, self.share), xp)
        return x[xp.arange(b)[:, None], chosen], (chosen, x.shape)

    def backward(self, dy, cache):
        """dy (B, n, D) -> dx (B, T, D), no gradients."""
        chosen, shape = cache
        xp = array_module(dy)
        dx = xp.zeros(shape, dtype=dy.dtype)
        dx[xp.arange(shape[0])[:, None], chosen] = dy
        return dx, {}
