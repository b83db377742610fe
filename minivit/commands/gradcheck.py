"""python -m minivit gradcheck: every gradient against finite differences, as a table."""

import time

from ..arrays.backend import select
from ..errors import BackendError
from ..gradcheck import LAYER_TOLERANCE, MODEL_TOLERANCE, STEP
from ..gradcheck_cases import NAMES, check
from .arguments import choice, whole

WIDTH = max(map(len, NAMES)) + 1  # of the column of layers
LINE = f"{{:<{WIDTH}}}" + "{:<19}{:>13}{:>9}  {:<13}{}"


def add_arguments(parser):
    """Add the command's options."""
    parser.add_argument(
        "--layer",
        metavar="NAME",
        type=choice("layer", NAMES),
        help="check one layer only: " + ", ".join(NAMES) + " (default: all of them)",
    )
    parser.add_argument(
        "--seed", metavar="N", type=whole(0), default=0, help="seed of inputs, parameters, masks"
    )
    parser.add_argument(
        "--device",
        metavar="{auto,cpu,gpu}",
        type=choice("device", ("auto", "cpu", "gpu")),
        default="cpu",
        help="cpu: NumPy; gpu: CuPy; auto: the GPU if it can be used",
    )
    parser.epilog = (
        f"Central differences in float64 with step {STEP:g}: of every element in a layer, and\n"
        "in random directions in the model. The error is max |analytic - numeric| /\n"
        "max |numeric| over a leaf. The exit status is 1 if one is above tolerance.\n"
        f"\nexample:\n  {parser.prog} --layer attention"
    )


def main(args):
    """Print the table -> 0 when every gradient is right, 1 otherwise.

    Raises BackendError when the only layer asked for needs a library that is missing.
    """
    xp, started = select(args.device), time.perf_counter()
    checked, wrong, skipped = 0, 0, 0
    print(LINE.format("layer", "gradient of", "shape", "error", "worst at", ""))
    for name in [args.layer] if args.layer else NAMES:
        try:
            rows = check(name, xp, args.seed)
        except BackendError as error:
            if args.layer:
                raise
            print(f"{name:<{WIDTH}}skipped: {error}")
            skipped += 1
            continue
        except AssertionError as error:
            print(f"{name:<{WIDTH}}WRONG: {error}")
            checked, wrong = checked + 1, wrong + 1
            continue
        print_rows(rows)
        checked, wrong = checked + len(rows), wrong + sum(not row.ok for row in rows)
    seconds = time.perf_counter() - started
    print(verdict(checked, wrong, skipped, seconds))
    return 1 if wrong else 0


def print_rows(rows):
    """Print one line per leaf, with the layer's name on its first line only."""
    previous = None
    for row in rows:
        name = "" if row.layer == previous else row.layer
        mark, error = "ok" if row.ok else "WRONG", f"{row.check.error:.1e}"
        print(LINE.format(name, row.check.leaf, row.size, error, row.where, mark))
        previous = row.layer


def verdict(checked, wrong, skipped, seconds):
    """The last line: how many gradients are right, and to which tolerance."""
    left_out = f", {skipped} layer{'s' * (skipped > 1)} skipped" if skipped else ""
    if wrong:
        return f"\n{wrong} of {checked} gradients WRONG{left_out}, {seconds:.1f} s"
    gradients = f"all {checked} gradients" if checked != 1 else "the 1 gradient"
    return (
        f"\n{gradients} right to {LAYER_TOLERANCE:.0e} a layer, "
        f"{MODEL_TOLERANCE:.0e} the model{left_out}, {seconds:.1f} s"
    )
