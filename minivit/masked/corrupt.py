"""CorruptPatches: hide some of the patches, so that the model has to guess them from the others."""

from dataclasses import dataclass

import numpy as np

from ..arrays.backend import array_module, to_device
from ..layers.draws import normal
from .pick import EVALUATION, corrupted

MASKED, OTHER = 0.8, 0.1  # shares of the corrupted patches; the rest of them is kept


@dataclass(frozen=True)
class CorruptPatches:
    """Replace the embeddings of a share of each image's patches.

        y[b, i]   = mask                for 80% of the corrupted patches
                  = x[b, other[b, i]]   for 10% of them: another patch of the same image
                  = x[b, i]             for the other 10%, and for all other patches

        dmask     = sum over masked patches of dy
        dx[b, j]  = sum over patches i that show patch j of dy[b, i]

    If every corrupted patch were masked, the model would learn nothing about patches that it can
    see, and a classifier sees all of them. It cannot tell which of those it sees are right, so it
    has to describe all.

    `mask` is one learned vector. Which patches are corrupted, and how, depends on the key and the
    image's index in the batch; in evaluation (key None) on its index in the micro-batch. forward
    keeps where each y comes from: an index and a byte a patch.

    Source: Dosovitskiy et al. 2021, arXiv:2010.11929, appendix B.1.2, after Devlin et al. 2019,
    arXiv:1810.04805, section 3.1.
    """

    dim: int
    share: float = 0.5

    def init(self, rng):
        """mask (D,), normal with standard deviation 0.02."""
        return {"mask": normal(rng, self.dim, std=0.02)}

    def forward(self, params, x, key=None):
        """x (B, N, D) -> y (B, N, D), cache."""
        xp, (b, n, _) = array_module(x), x.shape
        source, masked = self.sources(key, b, n)
        source, masked = to_device(source, xp), to_device(masked, xp)
        shown = x[xp.arange(b)[:, None], source]
        return xp.where(masked[:, :, None], params["mask"], shown), (source, masked)

    def backward(self, dy, cache):
        """dy (B, N, D) -> dx (B, N, D), grads."""
        source, masked = cache
        xp, (_, n, d) = array_module(dy), dy.shape
        dmask = masked.reshape(-1).astype(dy.dtype) @ dy.reshape(-1, d)
        shows = (source[:, None, :] == xp.arange(n)[:, None]) & ~masked[:, None, :]  # (B, j, i)
        return shows.astype(dy.dtype) @ dy, {"mask": dmask}

    def sources(self, key, images, patches):
        """Which patch each patch shows, and whether it is masked -> (images, patches) each."""
        key = key or EVALUATION
        how = key.at("how").uint16((images, patches)) / 2**16
        own = np.arange(patches)
        drawn = key.at("other").uint16((images, patches)).astype(np.int64)
        step = drawn * max(1, patches - 1) // 2**16
        hit = np.zeros((images, patches), bool)
        chosen = corrupted(key, images, patches, self.share)
        hit[np.arange(images)[:, None], chosen] = True
        other = hit & (how >= MASKED) & (how < MASKED + OTHER)
        source = np.where(other, (own + 1 + step) % patches, own)
        return source, hit & (how < MASKED)
