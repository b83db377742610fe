"""Starts: the first values of the parameters, where those that the layers draw are not the best.

    normal.py      every matrix normal with standard deviation 0.02, as most ViTs start
    mimetic.py     attention as it is found in trained ViTs
    whitening.py   the patch embedding from the training images' own patches

A layer's own `init` draws matrices as Xavier has it (`layers/draws.py`). `normal` and `mimetic`
write over some leaves of the model's tree, by the name in `Config.init`; `Recipe.whiten` asks for
the last.
"""

from .mimetic import mimetic
from .normal import normal_start

STARTS = {  # name: function(params, config, rng) -> params
    "xavier": lambda params, config, rng: params,
    "normal": normal_start,
    "mimetic": mimetic,
}


def redraw(params, config, rng):
    """Write the start that `config.init` names over what the layers drew -> params."""
    return STARTS[config.init](params, config, rng)
