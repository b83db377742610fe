"""gradcheck of a layer of the user's own, and the sweep over the step h of any layer."""

import argparse
import time
from textwrap import wrap

import numpy as np

from ..arrays import tree
from ..arrays.keys import Key
from ..checking.complex_step import complex_errors
from ..checking.kinks import check_with_kinks
from ..checking.own_layer import inputs, own_layer
from ..checking.point import point_of
from ..checking.properties import SAME_BITS, properties
from ..checking.sweep import STEPS, sweep, table
from ..errors import ConfigError
from ..gradcheck import LAYER_TOLERANCE
from ..gradcheck_cases import leaf_checks
from ..text import quoted
from .gradcheck_table import print_head, print_rows, verdict
from .progress import Progress

COLUMNS = 80
V = (
    "A right gradient gives a V: at large steps the error of curvature, which grows as h^2; at "
    "small ones that of rounding, which grows as 1/h."
)
NO_V = "A wrong gradient stays wrong, whatever the step: its error is"
MOST_KINKS = 5
LARGEST = 10_000  # numbers in x, or in the parameters: each is changed twice


def shape(text):
    """A value type: the shape of an array, "2x5x6" -> (2, 5, 6)."""
    parts = text.lower().replace(",", "x").split("x")
    if not all(part.isascii() and part.isdigit() and 0 < int(part) <= LARGEST for part in parts):
        raise argparse.ArgumentTypeError(f"must be sizes such as 2x5x6; got {quoted(text)}")
    sizes = tuple(map(int, parts))
    if np.prod(sizes) > LARGEST:
        raise argparse.ArgumentTypeError(
            f"has {np.prod(sizes):,} numbers, and each is changed twice: at most {LARGEST:,}"
        )
    return sizes


def check_own(args):
    """Check the layer and print what was found -> 0 if all is right, 1 otherwise."""
    started = time.perf_counter()
    layer = own_layer(args.layer, args.arguments or ())
    x, params = inputs(layer, args.input, args.seed)
    if tree.count(params) > LARGEST:
        raise ConfigError(
            f"the layer has {tree.count(params):,} parameters, and each is changed twice: choose "
            f"sizes with at most {LARGEST:,}."
        )
    name = type(layer.layer).__name__
    kept = properties(layer, x, params, args.seed)
    if kept[SAME_BITS]:
        _print_properties(kept)
        return 1
    rows, kinks = _check(layer, x, params, name, args.seed)
    print_head()
    print_rows(rows)
    _print_kinks(kinks)
    print()
    _print_properties(kept)
    point = point_of(layer, x, params, Key(0), args.seed)
    print(f"       {_complex(complex_errors(point), rows)}")
    wrong = sum(not row.ok for row in rows)
    print(verdict(len(rows), wrong, 0, time.perf_counter() - started, model=False))
    if args.sweep or args.figure:
        show_sweep(args, name, point)
    return 1 if wrong or any(kept.values()) else 0


def _check(layer, x, params, name, seed):
    """Each gradient in each mode -> rows, kinks."""
    rows, kinks, modes = [], [], _modes(layer, x, params, name)
    with Progress(len(modes) * (1 + len(dict(tree.walk(params)))), "gradient") as bar:
        for mode, key in modes.items():
            point = point_of(layer, x, params, key, seed)
            checks, found = check_with_kinks(point, bar.update)
            rows += leaf_checks(mode, point.values, checks)
            kinks += [kink for kink in found if kink not in kinks]
    return rows, kinks


def _print_properties(kept):
    """A line for each promise: kept, or where not."""
    for promise, problem in kept.items():
        words = f"WRONG  {promise}: {problem}" if problem else f"ok     {promise}"
        print("\n".join(wrap(words, COLUMNS, subsequent_indent=" " * 7)))


def show_sweep(args, name, point):
    """Print the error for each step h; with --figure also draw it."""
    with Progress(len(STEPS), "step") as bar:
        swept = sweep(point, done=bar.update)
    smallest = min(each.worst.error for each in swept)
    said = V if smallest <= LAYER_TOLERANCE else f"{NO_V} {smallest:.1e} at best."
    print("\n".join(["", table(swept), "", *wrap(said, COLUMNS)]))
    if args.figure:
        from ..checking.sweep_figure import draw

        draw(swept, name, args.figure)
        print(f"\n{args.figure}")


def _modes(layer, x, params, name):
    """Training, and evaluation if the layer then does something else: {its name: key}."""
    y, other = (layer.forward(params, x.copy(), key)[0].copy() for key in (Key(0), None))
    same = y.shape == other.shape and np.array_equal(y, other)
    return {name: Key(0)} if same else {name: Key(0), "  in evaluation": None}


def _print_kinks(kinks):
    """A line for each element that is too near a kink."""
    for kink in kinks[:MOST_KINKS]:
        at = ", ".join(map(str, kink.index))
        slopes = f"slope {kink.left:.3g} on the left, {kink.right:.3g} on the right"
        print(f"kink   {kink.leaf} at {at}: {slopes}{', left out' if kink.left_out else ''}")
    if kinks[MOST_KINKS:]:
        print(f"kink   and {len(kinks) - MOST_KINKS} more elements")
    if not all(kink.left_out for kink in kinks):
        print("       the slope jumps at more than half of the elements: there is no gradient")
    elif kinks:
        print("       too near a point where the slope jumps; another --seed moves them")


def _complex(errors, rows):
    """What the complex step says, in words."""
    if isinstance(errors, str):
        return f"complex step: not used, because {errors}"
    largest = max(errors.values(), default=0.0)
    if largest > LAYER_TOLERANCE and all(row.ok for row in rows):
        return "complex step: not used, because forward is not analytic"
    return f"complex step: gradients differ from it by {largest:.1e} at most"
