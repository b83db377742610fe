"""The table of `gradcheck`: a line for each gradient, and the verdict below it."""

from ..gradcheck import LAYER_TOLERANCE, MODEL_TOLERANCE
from ..gradcheck_cases import NAMES

WIDTH = max(map(len, NAMES)) + 1  # of the column of layers
LINE = f"{{:<{WIDTH}}}" + "{:<18}{:>13}{:>9}  {:<13}{}"


def print_head():
    """Print the names of the columns."""
    print(LINE.format("layer", "gradient of", "shape", "error", "worst at", "").rstrip())


def print_rows(rows):
    """Print one line per leaf, with the layer's name on its first line only."""
    previous = None
    for row in rows:
        name = "" if row.layer == previous else row.layer
        mark, error = "ok" if row.ok else "WRONG", f"{row.check.error:.1e}"
        print(LINE.format(name, row.check.leaf, row.size, error, row.where, mark))
        if kinks := row.kinks:
            what = "an element at a kink is" if kinks == 1 else f"{kinks} elements at kinks are"
            print(f"{'':<{WIDTH}}{what} left out: no derivative")
        previous = row.layer


def verdict(checked, wrong, skipped, seconds, model=True):
    """The last line: how many gradients are right, and to which tolerance."""
    left_out = f", {skipped} layer{'s' * (skipped > 1)} skipped" if skipped else ""
    if wrong:
        return f"\n{wrong} of {checked} gradients WRONG{left_out}, {seconds:.1f} s"
    gradients = f"all {checked} gradients" if checked != 1 else "the 1 gradient"
    tolerance = f"{LAYER_TOLERANCE:.0e}"
    if model:
        tolerance += f" a layer, {MODEL_TOLERANCE:.0e} the model"
    return f"\n{gradients} right to {tolerance}{left_out}, {seconds:.1f} s"
