"""What the command `bench` measures: the peak, and each size with its rival if there is one."""

from contextlib import ExitStack, closing
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from .. import arranged
from ..parallel import blas
from ..parallel.workers import Workers
from . import inference, machine, memory, peak, step
from .results import Result
from .timing import SECONDS


@dataclass(frozen=True)
class Setup:
    """Where to measure and how often.

    threads: workers, None for one a core; device: "cpu" or "gpu"; xp: its array module; torch: the
    module if PyTorch is the opponent, else None; runs: turns of each side; dataset_size: images
    from which batches are gathered; seconds: the shortest time of one measurement.
    """

    threads: int | None = None
    device: str = "cpu"
    xp: ModuleType = np
    torch: ModuleType | None = None
    runs: int = 7
    dataset_size: int = step.DATASET_SIZE
    seconds: float = SECONDS


def facts(setup):
    """The machine and the libraries, and notes on what makes timings doubtful, as JSON values."""
    values = machine.describe(Workers(setup.threads), setup.xp)
    if setup.torch:
        torch = setup.torch
        values |= {"torch": torch.__version__, "torch_threads": torch.get_num_threads()}
    values["notes"] = [note for note in (blas.note(), machine.busy_note()) if note]
    return values


def peaks(setup, sizes):
    """GFLOP/s of matrix products by shape, ours and PyTorch's ({} without it).

    sizes: {name: Size}, whose Linear layers give the shapes.
    """
    cube = peak.CUBE if setup.xp is np else peak.GPU_CUBE
    with Workers(setup.threads, processes=False) as workers:  # long products: threads do as well
        images = {name: step.micro_batch(size, workers, setup.xp) for name, size in sizes.items()}
        ours = peak.rates(peak.shapes(sizes, images, cube), workers, setup.xp, setup.runs)
    if not setup.torch:
        return ours, {}
    from . import torch_opponent

    batches = {name: size.batch for name, size in sizes.items()}
    shapes = peak.shapes(sizes, batches, cube)
    return ours, torch_opponent.rates(shapes, setup.device, setup.runs)


def result(setup, size, best):
    """Time the step of one Size and take its memory, on both sides -> Result.

    best: the machine's peak in GFLOP/s.
    """
    opponent, sides = None, ["ours"]
    if setup.torch:
        from .torch_opponent import Opponent

        opponent, sides = Opponent(size, setup.device), ["ours", "torch"]
    with Workers(setup.threads) as workers, ExitStack() as stack:

        def bench(fused=None):
            one = step.Bench(size, workers, setup.xp, setup.dataset_size, fused)
            return stack.enter_context(closing(one))

        ours = bench()
        plain = bench(fused=False) if ours.trainer.fused else None
        medians = step.compare(ours, opponent, setup.runs, setup.seconds, plain)
    used = {side: memory.peak_bytes(side, size, setup.threads, setup.device) for side in sides}
    return Result(size, medians, used, best)


def speed(setup, size):
    """Time the predictions of one Size, on both sides -> inference.Speed."""
    opponent = None
    if setup.torch:
        from .torch_opponent import InferenceOpponent

        opponent = InferenceOpponent(size)
    with Workers(setup.threads) as workers:
        ours, plain = inference.Predictor(size, workers), None
        if arranged.pays(ours.trained.model):
            plain = inference.Predictor(size, workers, plain=True)
        medians = step.compare(ours, opponent, setup.runs, setup.seconds, plain)
    return inference.Speed(size, medians)
