"""PatchDropout: in training, show the blocks only some of an image's patches."""

from dataclasses import dataclass

from ..arrays.backend import array_module, to_device


@dataclass(frozen=True)
class PatchDropout:
    """Keep a random subset of each image's patches, as many for every image.

        y[b, i]          = x[b, kept[b, i]]

        dx[b, kept[b]]   = dy[b], zero elsewhere

    Neighbouring patches hold much the same, and a step on fewer tokens is faster: with half of the
    patches, a block computes less than half of its products. The layer stands after the position
    embedding, so that each token still says where it stands. The first `prefix_tokens` tokens (the
    class token) always stay. Nothing is scaled: attention and pooling are averages. With key None,
    or nothing to drop, x itself passes through.

    Each patch gets a 16-bit random number; the patches with the smallest numbers of their image
    stay (of equal numbers, the first). The numbers depend on the key and on the image's index in
    the batch. backward computes them again, so forward keeps only the key and the shape of x.

    Source: Liu et al. 2022, "PatchDropout", arXiv:2208.07220.
    """

    rate: float
    prefix_tokens: int = 0

    def init(self, rng):
        """No parameters."""
        return {}

    def count(self, tokens):
        """How many of an image's tokens stay: the prefix and at least one patch."""
        patches = tokens - self.prefix_tokens
        return self.prefix_tokens + max(1, patches - round(self.rate * patches))

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
        """The index of the tokens of x that stay: images (B, 1), tokens (B, count) ascending."""
        b, t, _ = shape
        return xp.arange(b)[:, None], to_device(self.tokens(key, b, t), xp)

    def tokens(self, key, b, t):
        """Which of t tokens stay, for each of b images: (b, count) ascending, on the host."""
        numbers = key.uint16((b, t))
        numbers[:, : self.prefix_tokens] = 0  # the smallest there is, and first among equals
        tokens = numbers.argsort(axis=1, kind="stable")[:, : self.count(t)]
        tokens.sort(axis=1)
        return tokens
