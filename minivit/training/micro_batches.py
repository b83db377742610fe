"""Micro-batches: where a batch is cut, so that workers can share it and its activations stay small.

The cut depends on the model and the batch alone, never on the number of workers, because gradients
are rounded differently when a batch is cut differently.
"""

from ..layers import PatchDropout
from ..parallel.cuts import cut

# Bytes of the widest activation of a micro-batch: what one layer writes is still in the cache when
# the next one reads it.
CACHE = 1 << 21
# Tokens it has at least: adding its gradients costs as much for few tokens as for many.
TOKENS = 512
# So many workers have work, where that leaves micro-batches of TOKENS: they cost one core 1 to 4%.
WORKERS = 8


def micro_batches(config, batch, size=0):
    """Cut `batch` images for a model of `config` on a CPU -> [(start, stop), ...].

    size: about how many images a micro-batch has; 0 for as many as suit the model.
    """
    if size:
        return cut(batch, size)
    if hasattr(config, "widest"):  # maps of a convolutional network
        tokens, images = config.tokens, CACHE / (4 * config.widest)
    else:
        tokens = PatchDropout(config.patch_dropout, config.prefix_tokens).count(config.tokens)
        widest = max(config.mlp_dim, 3 * config.dim, config.heads * tokens)
        images = max(CACHE / (4 * tokens * widest), TOKENS / tokens)
    images = max(1, round(images))
    if (share := batch // WORKERS) * tokens >= TOKENS:
        images = min(images, share)
    return cut(batch, images)
