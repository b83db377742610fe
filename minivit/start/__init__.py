"""Starts: first values of the parameters that are better than those that the layers draw.

    normal.py      every matrix normal with standard deviation 0.02, as in most ViTs
    mimetic.py     attention that starts similar to that of trained ViTs
    whitening.py   the patch embedding, from patches of the training images

A layer's own `init` draws matrices by Xavier's rule (`layers/draws.py`). `normal` and `mimetic`
then overwrite some leaves of the model's parameters; `Config.init` names which of them. `whitening`
is for `Recipe.whiten`.
"""

from .mimetic import mimetic_start
from .normal import normal_start

STARTS = {  # name: function(params, config, rng) -> params
    "xavier": lambda params, config, rng: params,
    "normal": normal_start,
    "mimetic": mimetic_start,
}


def apply_start(params, config, rng):
    """Overwrite what the layers drew by the start that `config.init` names -> params."""
    return STARTS[config.init](params, config, rng)
