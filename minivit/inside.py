"""Look inside a model: the tokens after a block, and the weights of its attention.

Each function runs the parts of a ViT in order, as `ViT.predict` does, and reads what it returns
from their outputs and caches. The layers know nothing of it. params: the model's; images
(B, H, W, C): floats, normalised as in training.
"""

import numpy as np

from .errors import ConfigError


def outputs(model, params, images):
    """The logits, (B, classes)."""
    return model.predict(params, images)


def features(model, params, images, block=None):
    """What the head reads, (B, D); or the tokens after block number `block`, (B, T, D).

    Blocks count from 0; -1 is the last. What the head reads has gone through the last norm and the
    pooling; the tokens after a block have not. Raises ConfigError for a block that is not there.
    """
    last = "pool" if block is None else f"block{_block_number(model, block)}"
    for name, y, _ in _steps(model, params, images):
        if name == last:
            return y
    return _some([])


def attention(model, params, images):
    """The weights of every block's attention, (B, depth, heads, T queries, T keys).

    [b, i, h, q, k] is how much token q takes from token k in head h of block i: rows sum to 1. With
    a class token, token 0 is that; then come the patches, row by row.
    """
    layers = []
    for name, _, cache in _steps(model, params, images):
        if name.startswith("block"):
            _, _, _, p, _ = cache["attn"]["heads"]  # p: (T keys, B, heads, T queries)
            layers.append(p.transpose(1, 2, 3, 0))
            if len(layers) == model.config.depth:
                break
    return np.stack(_some(layers), axis=1)


def summaries(model, params, images):
    """One or two vectors of every block, (B, depth, 1 or 2, D): its tokens in short.

    The class token, if there is one, and the mean of the patches, before the last norm.
    """
    prefix, blocks = model.config.prefix_tokens, []
    for name, y, _ in _steps(model, params, images):
        if name.startswith("block"):
            mean = y[:, prefix:].mean(axis=1)
            blocks.append(np.stack([y[:, 0], mean] if prefix else [mean], axis=1))
            if len(blocks) == model.config.depth:
                break
    return np.stack(_some(blocks), axis=1)


def pool_weights(model, params, images):
    """The weight of every token in the mean that the pooling takes, (B, T): rows sum to 1."""
    c = model.config
    if c.pool == "sequence":
        for name, _, cache in _steps(model, params, images):
            if name == "pool":
                _, p, _ = cache
                return p
    weights = np.zeros((len(images), c.tokens), images.dtype)
    if c.pool == "class":
        weights[:, 0] = 1
    else:
        weights[:] = 1 / c.tokens
    return weights


def _some(of_blocks):
    """The list itself. Raises ConfigError for that of a residual network: it is empty."""
    if not of_blocks:
        raise ConfigError("a residual network has no transformer blocks to look into")
    return of_blocks


def _steps(model, params, images):
    """Run the model part by part; yield (name, its output, its cache). No cache is kept."""
    model.check(params, images)
    x = images
    for name, part in getattr(model, "encoder_parts", model.parts).items():
        x, cache = part.forward(params.get(model.owner(name), {}), x)
        yield name, x, cache


def _block_number(model, block):
    """0..depth - 1. Raises ConfigError for what is no block of the model."""
    depth = model.config.depth
    whole = isinstance(block, (int, np.integer)) and not isinstance(block, bool)
    if not whole or not -depth <= block < depth:
        raise ConfigError(
            f"block must be a whole number from 0 to {depth - 1} (or -{depth} to -1, from the "
            f"end), or None for what the head reads; got {block!r}"
        )
    return block % depth
