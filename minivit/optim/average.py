"""The running mean of the weights (EMA)."""


def average(mean, vector, decay, step):
    """Update `mean`, the exponential moving average of the weights, after step 1, 2, ...

        d    = min(decay, (1 + step) / (10 + step))
        mean = d * mean + (1 - d) * vector

    The noise of single steps averages out, so the mean often classifies better than the weights
    themselves. d is smaller in the first steps, so that the mean forgets the random start.

    Source: Polyak & Juditsky 1992; in training networks Dosovitskiy et al. 2021, arXiv:2010.11929,
    section 4.1 (a decay of 0.9999).
    """
    d = decay_at(step, decay)
    mean *= d
    mean += (1 - d) * vector


def decay_at(step, decay):
    """d of a step: less than `decay` in the first steps."""
    return min(decay, (1 + step) / (10 + step))
