"""python -m minivit bench: how fast training steps and predictions are, and against PyTorch."""

import json
import sys

from ..arrays.backend import select
from ..bench import measure, step, table
from ..bench.inference import INFERENCE_SIZES
from ..bench.profile import profile_step
from ..bench.sizes import SIZES
from ..bench.timing import SECONDS
from ..errors import ConfigError
from ..parallel.workers import MOST_WORKERS, Workers
from . import bench_ranks
from .arguments import choice, whole


def add_arguments(parser):
    """Add the command's options."""
    parser.add_argument(
        "--sizes",
        type=size_names,
        metavar="A,B,...",
        help="sizes to measure, of those below (default: all)",
    )
    parser.add_argument(
        "--inference",
        action="store_true",
        help="measure predictions instead: images a second in batches, and one image alone",
    )
    parser.add_argument(
        "--against",
        type=choice("opponent", ("torch",)),
        metavar="torch",
        help="also measure PyTorch",
    )
    parser.add_argument("--runs", type=whole(), default=7, metavar="N", help="turns of each side")
    parser.add_argument(
        "--threads",
        type=whole(1, MOST_WORKERS),
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
    bench_ranks.add_arguments(parser)
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print one JSON object only")
    output.add_argument(
        "--profile", action="store_true", help="only measure where a step's time goes, by layer"
    )
    parser.epilog = "sizes, all of 4 x 4 patches on 32 x 32 pixels, with a class token:\n" + (
        "\n".join(f"  {name}  {size}" for name, size in SIZES.items())
        + "\n\nwith --inference also the published models on 224 x 224 pixels:"
        + f"\n  {', '.join(name for name in INFERENCE_SIZES if name not in SIZES)}"
        + "\n\nAll sizes against torch take about five minutes on two cores. Run nothing else"
        + "\nmeanwhile."
        + "\n\nexamples:"
        + f"\n  {parser.prog} --sizes A"
        + f"\n  {parser.prog} --against torch"
        + f"\n  {parser.prog} --profile --sizes C"
        + f"\n  {parser.prog} --ranks 1,2 --sizes A"
        + f"\n  {parser.prog} --plan 1024 --bandwidth 100 --latency 5 --threads 32"
        + f"\n  {parser.prog} --inference --against torch --sizes B,B/16"
    )


def size_names(text):
    """A value type: names of sizes, separated by commas -> list of names, each once."""
    name = choice("size", INFERENCE_SIZES)
    return list(dict.fromkeys(name(part.strip()) for part in text.split(",")))


def main(args, sizes=SIZES, dataset_size=step.DATASET_SIZE, seconds=SECONDS):
    """Measure and print -> 0. Raises BackendError if the GPU or PyTorch is asked for and missing.

    sizes: {name: Size} to choose from, without --inference; dataset_size: images to gather batches
    from; seconds: the shortest time of one measurement.
    """
    if args.profile and args.against:
        raise ConfigError("--profile looks at minivit alone: leave out --against")
    if bench_ranks.asked(args):
        for name in args.sizes or ():
            size_of(name, sizes)
        return bench_ranks.main(args, printer(args.json), sizes)
    if args.inference:
        return predictions(args, seconds)
    chosen = {name: size_of(name, sizes) for name in args.sizes or sizes}
    say, setup = printer(args.json), setup_of(args, dataset_size, seconds)
    facts = introduction(setup, say)
    if args.profile:
        for name, size in chosen.items():
            profile = profile_step(size, Workers(setup.threads, processes=False), setup.xp)
            say("\n" + table.profile_text(name, size, profile))
        return 0
    ours, theirs = measure.peaks(setup, chosen)
    peak = max([*ours.values(), *theirs.values()])
    facts |= {
        "numpy_gflops": max(ours.values()),
        "torch_gflops": max(theirs.values(), default=None),
    }
    say(table.peaks_text(ours, theirs, peak))
    rows = {}
    for name, size in chosen.items():
        result = measure.result(setup, size, peak)
        rows[name] = result.row()
        say("\n" + table.size_text(name, result))
    say("\n" + table.NOTES + ("\n" + table.FAIRNESS if setup.torch else ""))
    if args.json:
        print(json.dumps({"machine": facts, "peak_gflops": peak, "sizes": rows}, indent=2))
    return 0


def predictions(args, seconds, sizes=INFERENCE_SIZES):
    """The same for predictions."""
    if args.profile or args.device == "gpu":
        wrong = "--profile" if args.profile else "--device gpu"
        raise ConfigError(f"--inference measures predictions on the CPU: leave out {wrong}")
    chosen = {name: sizes[name] for name in args.sizes or sizes}
    say, setup = printer(args.json), setup_of(args, step.DATASET_SIZE, seconds)
    if setup.torch and args.threads:
        setup.torch.set_num_threads(args.threads)
    facts = introduction(setup, say)
    say("\n" + table.speeds_head(setup.torch))
    rows = {}
    for name, size in chosen.items():
        speed = measure.speed(setup, size)
        rows[name] = speed.row()
        say(table.speed_text(name, speed))
    say("\n" + table.SPEED_NOTES + ("\n" + table.SPEED_FAIRNESS if setup.torch else ""))
    if args.json:
        print(json.dumps({"machine": facts, "inference": rows}, indent=2))
    return 0


def size_of(name, sizes):
    """The Size of that name. Raises ConfigError for one whose training is not measured."""
    if name not in sizes:
        raise ConfigError(f"size {name} is measured with --inference only")
    return sizes[name]


def introduction(setup, say):
    """Say what computes here, and print notes on what makes timings doubtful -> the facts."""
    facts = measure.facts(setup)
    for note in facts["notes"]:
        print(f"note: {note}", file=sys.stderr, flush=True)
    say(table.machine_text(facts))
    return facts


def setup_of(args, dataset_size, seconds):
    """The Setup that the options ask for. Raises BackendError for what is missing."""
    xp, torch = select(args.device), None
    if args.against:
        from ..bench import torch_opponent

        torch = torch_opponent.load()
    threads = 1 if args.device == "gpu" else args.threads
    return measure.Setup(threads, args.device, xp, torch, args.runs, dataset_size, seconds)


def printer(silent):
    """print, unbuffered; or nothing where only JSON is wanted."""
    return (lambda text: None) if silent else (lambda text: print(text, flush=True))
