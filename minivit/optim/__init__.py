"""Optimizers: turn a gradient into a step.

    sgd.py        the simplest rule: follow the gradient, with momentum
    adamw.py      a step size for each number separately
    muon.py       for a matrix: equal steps along all of its directions
    schedule.py   the learning rate of every step
    clip.py       limit the length of a gradient
    average.py    a running mean of the weights

A rule, like a layer, holds only its hyper-parameters. Its memory, `state`, is passed in:

    state = rule.init(vector)
    rule.update(vector, gradient, state, lr, step, decay)

All parameters lie in one flat vector (`tree.views`), those with weight decay first. SGD and AdamW
treat each number separately, so workers may update slices of the vector, with the same result.
Muon needs whole matrices (`whole_matrices`) and has no init: it uses the m of AdamW's state.
"""

from .adamw import AdamW
from .average import average
from .clip import clip_scale, sum_of_squares
from .muon import Muon
from .schedule import warmup_cosine
from .sgd import SGD

__all__ = ["SGD", "AdamW", "Muon", "average", "clip_scale", "sum_of_squares", "warmup_cosine"]
