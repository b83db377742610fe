"""The running mean of the weights."""


def average(mean, vector, decay, step):
    """The exponential moving average of the weights, written over `mean` after step 1, 2, ...

        d    = min(decay, (1 + step) / (10 + step))
        mean = d * mean + (1 - d) * vector

    The noise of single steps averages out, so the mean often classifies better than the weights
    it follows. In the first steps d is smaller: the mean would else remember the random start.

    Source: Polyak & Juditsky 1992; Tan & Le 2019, arXiv:1905.11946 (in training networks).
    """
    d = min(decay, (1 + step) / (10 + step))
    mean *= d
    mean += (1 - d) * vector
