"""PatchDropout: in training, show the blocks only some of an image's patches."""

from dataclasses import dataclass

from ..arrays.backend import array_module, to_device


@dataclass(frozen=True)
class PatchDropout:
    """Keep a random subset of each image's patches, as many for every image.

        y[b, i]          = x[b, kept[b, i]]

        dx[b, kept[b]]   = dy[b], zero elsewhere

    Neighbouring patches say much the same, and what is left out costs nothing: with half the
    patches, a block has less than half of its products. It belongs after the position embedding, so
    that each token still says where it stands. The first `spare` tokens (a class token) always
    stay. Nothing is scaled: attention and pooling are averages. With key None, or nothing to drop,
    x passes as it is.

    A patch is kept if its 16-bit random number is among the smallest of its image (of equals, the
    first one); the numbers come from the key and the image's index in the batch. backward draws
    them again, so forward keeps the key and the shape of x only.

    Source: Liu et al. 2022, "PatchDropout", arXiv:2208.07220.
    """

    rate: float
    spare: int = 0

    def init(self, rng):
        """No parameters."""
        return {}

    def count(self, tokens):
        """How many of an image's tokens are kept: of its patches at least one."""
        patches = tokens - self.spare
        return self.spare + max(1, patches - round(self.rate * patches))

    def forward(self, params, x, key=None):
        """x (B, T, D) -> y (B, count(T), D), cache; y is x itself when nothing is dropped."""
        if key is None or self.count(x.shape[1]) == x.shape[1]:
            return x, None
        return x[self.kept(key, x.shape, array_module(x))], (key, x.shape)

    def backward(self, dy, cache):
        """dy (B, count(T), D) -> dx (B, T, D), dy itself when nothing was dropped; no gradients."""
        if cache is None:
            return dy, {}
        key, shape = cache
        xp = array_module(dy)
        dx = xp.zeros(shape, dtype=dy.dtype)
        dx[self.kept(key, shape, xp)] = dy
        return dx, {}

    def kept(self, key, shape, xp):
        """Which tokens of x stay: images (B, 1) and tokens (B, count), ascending, an index of x."""
        b, t, _ = shape
        noise = key.uint16((b, t))
        noise[:, : self.spare] = 0  # the smallest there is, and first among equals
        tokens = noise.argsort(axis=1, kind="stable")[:, : self.count(t)]
        tokens.sort(axis=1)
        return xp.arange(b)[:, None], to_device(tokens, xp)
