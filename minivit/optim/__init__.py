"""Optimizers: how a gradient becomes a step.

    sgd.py        the simplest rule: follow the gradient, with momentum
    adamw.py      each number at a pace of its own
    muon.py       matrices whole: the same step along all of their directions
    schedule.py   the learning rate of every step
    clip.py       no gradient longer than a given length
    average.py    the running mean of the weights

A rule holds only its hyper-parameters, like a layer; its memory (`state`) is handed to it:

    state = rule.init(vector)
    rule.update(vector, gradient, state, lr, step, decay)

All parameters lie in one flat vector (`tree.views`), those with weight decay in front. SGD and
AdamW treat each number on its own, so workers may update the vector in slices, with the same
result. Muon needs whole matrices (`whole_matrices`); its m is one that AdamW's init makes.
"""

from .adamw import AdamW
from .average import average
from .clip import clip_scale, sum_of_squares
from .muon import Muon
from .schedule import warmup_cosine
from .sgd import SGD

__all__ = ["SGD", "AdamW", "Muon", "average", "clip_scale", "sum_of_squares", "warmup_cosine"]
