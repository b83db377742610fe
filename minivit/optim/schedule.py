"""The learning rate of every step of a run."""

import math


def warmup_cosine(step, steps, warmup, peak):
    """The learning rate of step 1..steps: a linear rise to `peak`, then half a cosine down to 0.

        lr = peak * step / warmup                                       step <= warmup
        lr = peak * (1 + cos(pi * (step - warmup) / (steps - warmup))) / 2      after

    A single step has the peak, as the cosine would end at 0 before anything is learned.

    It depends on the step only, so resuming a run does not restart it. Adam's first steps rely on
    few gradients; warm-up keeps these steps small.

    Source: Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5; Goyal et al. 2017, arXiv:1706.02677,
    section 2.2 (warm-up).
    """
    if steps == 1:
        return peak
    if step <= warmup:
        return peak * step / warmup
    return peak * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup))) / 2
