"""The running mean of the weights (EMA)."""


def average(mean, vector, decay, step):
    """Update `mean`, the exponential moving average of the weights, after step 1, 2, ...

        d    = min(decay, (1 + step) / (10 + step))
        mean = d * mean + (1 - d) * vector

    The noise of single steps averages out, so the mean often classifies better than the weights
    themselves. d is smaller in the first steps, so that the mean forgets the random start.

    Source: Polyak & Juditsky 1992; Tan & Le 2019, arXiv:1905.11946 (in training networks).
    """
    d = decay_at(step, decay)
    mean *= d
    mean += (1 - d) * vector


def decay_at(step, decay):
    """d of a step: less than `decay` in the first steps."""
    return min(decay, (1 + step) / (10 + step))
