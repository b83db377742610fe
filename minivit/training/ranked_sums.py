"""Which sums of gradients a run has: on a CPU or a GPU, alone or with other ranks."""

import numpy as np

from ..cuda.gradient_sums import FusedGradientSums
from ..parallel.gradient_sums import GradientSums
from ..ranks.gradient_sums import Ranked, RankedWhole


class RankedGradientSums(Ranked, GradientSums):
    """Of one of several ranks, on CPUs."""


class RankedDeviceSums(RankedWhole, GradientSums):
    """Of one of several ranks, on GPUs, added by the plain operations of arrays."""


class RankedFusedSums(RankedWhole, FusedGradientSums):
    """Of one of several ranks, on GPUs, added by kernels."""


def sums_for(places, size, workers, xp, fused, ranks):
    """The sums of a run. fused: by the kernels of `minivit.cuda`."""
    if ranks.size == 1:
        return (FusedGradientSums if fused else GradientSums)(places, size, workers, xp)
    if fused:
        return RankedFusedSums(places, size, workers, xp, ranks)
    kind = RankedGradientSums if xp is np else RankedDeviceSums
    return kind(places, size, workers, xp, ranks)
