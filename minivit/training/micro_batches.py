"""Micro-batches: where a batch is cut, so that workers can share it and its activations stay small.

The cut depends on the model and the batch alone, never on the number of workers, because gradients
are rounded differently when a batch is cut differently.
"""

from ..layers import PatchDropout
from ..parallel.cuts import cut

# Bytes of the widest activation of a micro-batch: what one layer writes is still in the cache when
# the next one reads it.
CACHE = 1 << 21
# Tokens it has at least, where that leaves all workers work: adding its gradients costs as much for
# few tokens as for many.
TOKENS = 512
# So many workers have work, or as many as that leaves micro-batches of SHARED_TOKENS. On two cores
# the smaller products cost the presets at most 3% of a run: docs/scale.md.
WORKERS, SHARED_TOKENS = 8, 256


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
    shared = max(batch // WORKERS, -(-SHARED_TOKENS // tokens))
    return cut(batch, max(1, min(round(images), shared)))
