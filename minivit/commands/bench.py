"""python -m minivit bench: how fast a training step is, what share of the machine, against what."""

import json
import sys
from contextlib import closing

import numpy as np

from ..arrays.backend import select
from ..bench import machine, memory, peak, step, table
from ..bench.profile import profile
from ..bench.results import Result
from ..bench.sizes import SIZES
from ..bench.timing import SECONDS
from ..errors import ConfigError
from ..parallel import blas
from ..parallel.workers import Workers
from .arguments import choice, whole

GPU_CUBE = 4 * peak.CUBE  # a smaller one does not fill a GPU


def add_arguments(parser):
    """Add the command's options."""
    parser.add_argument(
        "--sizes",
        type=size_names,
        default=",".join(SIZES),
        metavar="A,B,...",
        help="sizes to measure, of those below",
    )
    parser.add_argument(
        "--against",
        type=choice("opponent", ("torch",)),
        metavar="torch",
        help="also measure PyTorch",
    )
    parser.add_argument("--runs", type=whole(), default=7, metavar="N", help="repetitions")
    parser.add_argument(
        "--threads",
        type=whole(),
        metavar="N",
        help="number of workers, one per core (default: the cores this process may use)",
    )
    parser.add_argument(
        "--device",
        type=choice("device", ("cpu", "gpu")),
        default="cpu",
        metavar="{cpu,gpu}",
        help="cpu: NumPy; gpu: the same layers on CuPy",
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print one JSON object only")
    output.add_argument(
        "--profile", action="store_true", help="only measure where a step's time goes, by layer"
    )
    parser.epilog = "sizes, all of 4 x 4 patches on 32 x 32 pixels, with a class token:\n" + (
        "\n".join(f"  {name}  {size}" for name, size in SIZES.items())
        + "\n\nAll sizes against torch take about five minutes on two cores. Run nothing else"
        + "\nmeanwhile."
        + "\n\nexamples:"
        + f"\n  {parser.prog} --sizes A"
        + f"\n  {parser.prog} --against torch"
        + f"\n  {parser.prog} --profile --sizes C"
    )


def size_names(text):
    """A value type: names of SIZES with commas between -> list of names, each once."""
    name = choice("size", SIZES)
    return list(dict.fromkeys(name(part.strip()) for part in text.split(",")))


def main(args, sizes=SIZES, pictures=step.PICTURES, seconds=SECONDS):
    """Measure and print -> 0. Raises BackendError without the GPU or the PyTorch asked for.

    sizes: {name: Size} to choose from; pictures: in the data set; seconds: a timing's least length.
    """
    if args.profile and args.against:
        raise ConfigError("--profile looks at minivit alone: leave out --against")
    xp, torch = select(args.device), None
    if args.against:
        from ..bench import torch_opponent

        torch = torch_opponent.load()
    count = 1 if args.device == "gpu" else args.threads
    facts = machine.describe(Workers(count), xp)
    if torch:
        facts |= {"torch": torch.__version__, "torch_threads": torch.get_num_threads()}
    say = printer(args.json)
    facts["notes"] = [note for note in (blas.note(), machine.busy_note()) if note]
    for note in facts["notes"]:
        print(f"note: {note}", file=sys.stderr, flush=True)
    say(table.machine(facts))
    chosen = {name: sizes[name] for name in args.sizes}
    if args.profile:
        for name, size in chosen.items():
            say(
                "\n" + table.profile(name, size, profile(size, Workers(count, processes=False), xp))
            )
        return 0
    ours, theirs = measure_peaks(args, chosen, count, xp)
    best = max([*ours.values(), *theirs.values()])
    facts |= {
        "numpy_gflops": max(ours.values()),
        "torch_gflops": max(theirs.values(), default=None),
    }
    say(table.peaks(ours, theirs, best))
    rows = {}
    for name, size in chosen.items():
        medians, kept = measure(args, size, count, xp, pictures, seconds)
        result = Result(size, medians, kept, best)
        rows[name] = result.row()
        say("\n" + table.size(name, result))
    say("\n" + table.NOTES + ("\n" + table.FAIRNESS if torch else ""))
    if args.json:
        print(json.dumps({"machine": facts, "peak_gflops": best, "sizes": rows}, indent=2))
    return 0


def printer(silent):
    """print, at once; or nothing where only JSON is wanted."""
    return (lambda text: None) if silent else (lambda text: print(text, flush=True))


def measure_peaks(args, sizes, count, xp):
    """GFLOP/s of matrix products by shape, ours and the opponent's ({} without one)."""
    with Workers(count, processes=False) as workers:  # long products: threads do as well
        images = {name: step.micro_batch(size, workers, xp) for name, size in sizes.items()}
        lengths = peak.shapes(sizes, images, peak.CUBE if xp is np else GPU_CUBE)
        ours = peak.rates(lengths, workers, xp, args.runs)
    if not args.against:
        return ours, {}
    from ..bench import torch_opponent

    whole_batches = {name: size.batch for name, size in sizes.items()}
    lengths = peak.shapes(sizes, whole_batches, peak.CUBE if xp is np else GPU_CUBE)
    return ours, torch_opponent.rates(lengths, args.device, args.runs)


def measure(args, size, count, xp, pictures, seconds):
    """The medians of `step.compare` and the peak memory of each side, of one size."""
    opponent, sides = None, ["ours"]
    if args.against:
        from ..bench.torch_opponent import Opponent

        opponent, sides = Opponent(size, args.device), ["ours", "torch"]
    with Workers(count) as workers, closing(step.Bench(size, workers, xp, pictures)) as bench:
        medians = step.compare(bench, opponent, args.runs, seconds)
    kept = {side: memory.peak_bytes(side, size, count, args.device) for side in sides}
    return medians, kept
