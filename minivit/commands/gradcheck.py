"""python -m minivit gradcheck: every gradient against finite differences, as a table."""

import time

from ..arrays.backend import select
from ..arrays.keys import Key
from ..checking.point import point_of
from ..checking.sweep_figure import check_file
from ..errors import BackendError, ConfigError
from ..gradcheck import STEP
from ..gradcheck_cases import LAYERS, NAMES, check, layer_case
from .arguments import choice, path, whole, words
from .gradcheck_own import check_own, shape, show_sweep
from .gradcheck_table import WIDTH, print_head, print_rows, verdict


def add_arguments(parser):
    """Add the command's options."""
    parser.add_argument(
        "--layer",
        metavar="NAME",
        type=layer_name,
        help="check one layer only: " + ", ".join(NAMES) + ", or one of your own: FILE.py:CLASS "
        "or MODULE:CLASS (default: all of minivit)",
    )
    parser.add_argument(
        "--input", metavar="SHAPE", type=shape, help="shape of x for a layer of your own: 2x5x6"
    )
    parser.add_argument(
        "--with",
        dest="arguments",
        metavar="NAME=VALUE",
        nargs="+",
        action="extend",
        type=words,
        help="its arguments: dim=6 heads=3",
    )
    parser.add_argument(
        "--sweep", action="store_true", help="also print the error of --layer for each step h"
    )
    parser.add_argument(
        "--figure", metavar="FILE", type=path, help="draw the sweep (.png, .svg or .pdf)"
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
        "\n"
        "Of a layer of your own it also says whether a second backward gives the same\n"
        "bits, nothing is written on and float32 is kept; which elements are too near\n"
        "a kink; and how exact the gradients are by complex steps, where they work.\n"
        "\nexamples:\n"
        f"  {parser.prog} --layer attention\n"
        f"  {parser.prog} --layer LayerNorm --sweep\n"
        f"  {parser.prog} --layer mine.py:Norm --input 2x5x6 --with dim=6"
    )


def layer_name(text):
    """A value type: a layer of minivit, or FILE.py:CLASS, MODULE:CLASS."""
    return text if ":" in text else choice("layer", NAMES)(text)


def main(args):
    """Print the table -> 0 when every gradient is right, 1 otherwise.

    Raises BackendError when the only layer asked for needs a library that is missing; CodeError for
    a layer of the user's that fails or breaks the protocol.
    """
    own = bool(args.layer and ":" in args.layer)
    _check_options(args, own)
    if own:
        return check_own(args)
    xp, started = select(args.device), time.perf_counter()
    checked, wrong, skipped = 0, 0, 0
    print_head()
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
    if args.sweep or args.figure:
        layer, x, params = layer_case(args.layer, seed=args.seed)
        show_sweep(args, args.layer, point_of(layer, x, params, Key(args.seed), args.seed))
    return 1 if wrong else 0


def _check_options(args, own):
    """Raise ConfigError for options that do not go together."""
    if not own and (args.input or args.arguments):
        raise ConfigError("--input and --with are for a layer of your own: --layer FILE.py:CLASS.")
    if own and not args.input:
        raise ConfigError("--input is missing: the shape of x, as in --input 2x5x6.")
    if own and args.device == "gpu":
        raise ConfigError("a layer of your own is checked on the CPU: leave out --device.")
    if (args.sweep or args.figure) and not (own or args.layer in LAYERS):
        raise ConfigError("--sweep and --figure are of one layer: name it with --layer.")
    if args.figure:
        check_file(args.figure)
