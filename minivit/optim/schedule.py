"""The learning rate of every step of a run."""

import math


def warmup_cosine(step, steps, warmup, peak):
    """The learning rate of step 1..steps: up in a straight line, down half a cosine to 0.

        lr = peak * step / warmup                                       step <= warmup
        lr = peak * (1 + cos(pi * (step - warmup) / (steps - warmup))) / 2      after

    A pure function of the step, so that a resumed run cannot restart it. Adam's first steps rest
    on a few gradients only; warm-up keeps them small.

    Source: Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5; Goyal et al. 2017, arXiv:1706.02677,
    section 2.2 (warm-up).
    """
    if step <= warmup:
        return peak * step / warmup
    return peak * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup))) / 2
