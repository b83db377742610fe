"""A start: every matrix normal with standard deviation 0.02."""

from ..arrays import tree

STD = 0.02


def normal_start(params, config, rng):
    """Every matrix (`w`) normal with standard deviation 0.02, whatever its sizes -> params.

    A matrix of zeros (the head) stays zero. Position embeddings and class token stay as they are;
    the source draws them with 0.02 too. The source calls the distribution truncated, but truncates
    it at +-2, a hundred standard deviations: this never happens, so it is left out here.

    Source: Touvron et al. 2021, arXiv:2012.12877, section 6, and its code; timm's ViT.
    """
    for name, leaf in tree.walk(params):
        if tree.is_decayed(name) and leaf.any():
            leaf[...] = STD * rng.standard_normal(leaf.shape)
    return params
