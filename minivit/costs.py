"""What a model costs, by formula: parameters, products, and the memory that a training step keeps.

A MAC is one multiplication with its addition; FLOPs = 2 x MACs. Only matrix products are counted,
as is the custom: norms, softmax and GELU are a few per cent of the operations. For T tokens of
width D, P x P patches of C colours and an MLP of hidden width M, one image costs

    patch   N D (P + 2 O)^2 C                  O: patch_overlap, as a rule 0
    block   T (4 D^2 + 2 D M) + 2 T^2 D        projections and MLP, then k q^T and p^T v
    pool    2 T D                              with pool "sequence"
    head    D classes

Training counts three times the forward pass: backward has two products, dx and dw, for each one.

Activations are what forward leaves in the cache for backward, layer by layer: the numbers
of the layers' own docstrings, plus one byte for each number that dropout may drop. (The two numbers
an image that each block keeps for drop path are left out.)

All of it is for training. Where patch dropout leaves out tokens, T counts those that are kept; for
evaluation, ask about `replace(config, patch_dropout=0.0)`.
"""

from dataclasses import dataclass

from .layers import PatchDropout


@dataclass(frozen=True)
class Row:
    """One layer: the shape of its output and what it costs for a single image.

    `floats` are the numbers kept for backward and `masks` the bytes of dropout masks kept. A layer
    that occurs `count` times in a row is one Row with the cost of one; `parts` are what it is
    made of, and it costs their sum.
    """

    name: str
    shape: tuple
    parameters: int = 0
    macs: int = 0
    floats: int = 0
    masks: int = 0
    count: int = 1
    parts: tuple = ()

    def activation_bytes(self, batch_size, itemsize=4):
        """Bytes kept for backward by one such layer for `batch_size` images."""
        return batch_size * (itemsize * self.floats + self.masks)


def rows(config):
    """The layers of ViT(config) in order, the blocks as one row, and the loss -> list of Row."""
    n, d, classes = config.patches, config.dim, config.classes
    whole, t = config.tokens, kept_tokens(config)
    numbers = config.patch_dim
    by_class = config.pool == "class"
    token = [Row("class_token", (whole, d), parameters=d)] if by_class else []
    cut = [Row("patch_dropout", (t, d))] if config.patch_dropout else []
    kept = t * d if by_class else d  # the class token alone is a view that holds all tokens
    pool = Row("pool", (d,))
    if config.pool == "sequence":
        pool = Row("pool", (d,), parameters=d, macs=2 * t * d, floats=t * d + t)
    return [
        Row("patchify", (n, numbers)),
        Row("patch", (n, d), numbers * d + d, macs=n * numbers * d, floats=n * numbers),
        *token,
        Row("position", (whole, d), parameters=whole * d),
        *cut,
        Row("dropout", (t, d), masks=_mask(config, t * d)),
        block(config),
        _norm("norm", t, d),
        pool,
        Row("head", (classes,), d * classes + classes, macs=d * classes, floats=kept),
        Row("loss", (), floats=2 * classes),
    ]


def block(config):
    """The transformer blocks as one Row, with their parts."""
    t, d, m, heads = kept_tokens(config), config.dim, config.mlp_dim, config.heads
    attention = Row(
        "attn",
        (t, d),
        parameters=4 * d * d + 4 * d,
        macs=4 * t * d * d + 2 * t * t * d,
        floats=t * (5 * d + heads * t),  # x, q k v and o; p
    )
    hidden = 2 if config.gelu == "tanh" else 3  # GELU's slope, or its input and gate; its output
    mlp = Row(
        "mlp",
        (t, d),
        parameters=2 * d * m + m + d,
        macs=2 * t * d * m,
        floats=t * (d + hidden * m),
        masks=_mask(config, t * m + t * d),
    )
    drop = Row("drop", (t, d), masks=_mask(config, t * d))
    parts = (_norm("norm1", t, d), attention, drop, _norm("norm2", t, d), mlp)
    costs = ("parameters", "macs", "floats", "masks")
    sums = {cost: sum(getattr(part, cost) for part in parts) for cost in costs}
    return Row("block", (t, d), **sums, count=config.depth, parts=parts)


def kept_tokens(config):
    """T, the tokens of an image that the blocks see in training."""
    spare = config.tokens - config.patches
    return PatchDropout(config.patch_dropout, spare).count(config.tokens)


def parameters(config):
    """How many parameters the model has."""
    return sum(row.count * row.parameters for row in rows(config))


def macs(config):
    """MACs of one image's forward pass."""
    return sum(row.count * row.macs for row in rows(config))


def flops(config, training=False):
    """FLOPs of one image: 2 x MACs forward, three times that in training."""
    return (3 if training else 1) * 2 * macs(config)


def activation_bytes(config, batch_size, itemsize=4):
    """Bytes that forward and loss keep for backward, for `batch_size` images."""
    return sum(row.count * row.activation_bytes(batch_size, itemsize) for row in rows(config))


def _norm(name, t, d):
    """A LayerNorm over T tokens: keeps xhat and rstd."""
    return Row(name, (t, d), parameters=2 * d, floats=t * (d + 1))


def _mask(config, numbers):
    """Bytes of a dropout mask over so many numbers."""
    return numbers if config.dropout else 0
