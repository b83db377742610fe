"""python -m minivit explain: one picture through a whole model, forward and backward."""

import json
import sys

from ..explain import picture, screens
from ..explain.as_json import as_json
from ..explain.record import walk
from .arguments import add_model, load_model, path, words

EPILOG = """\
The walk is a screen a layer: the equations, shapes, numbers, and the share of
parameters and operations; then backward: what comes back, what is passed on,
the gradients. On a terminal Enter goes on, b goes back, q ends.

examples:
  {prog} runs/shapes-smoke-1 tee.png
  {prog} runs/shapes-smoke-1 tee.png --layer block2.attn
  {prog} runs/cifar10-tiny-1 horse.png --label dog
"""


def add_arguments(parser):
    """Add the command's arguments and options."""
    parser.usage = f"{parser.prog} MODEL IMAGE [options]"
    add_model(parser)
    parser.add_argument("image", metavar="IMAGE", type=path, help="an image file")
    parser.add_argument(
        "--label",
        type=words,
        metavar="NAME",
        help="the class whose loss is differentiated (default: the one that the model answers)",
    )
    parser.add_argument(
        "--layer", type=words, metavar="NAME", help="one layer only, such as block2.attn"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    parser.epilog = EPILOG.format(prog=parser.prog)


def main(args):
    """Walk through the model -> 0."""
    trained = load_model(args)
    picture.require_classes(trained, args.model)
    label = picture.label_number(trained, args.label)
    seen = picture.read(trained, args.image)
    walked = walk(trained, picture.normalised(trained, seen.pixels), label)
    names = picture.class_names(trained)
    if args.layer:
        chosen = screens.chosen_names(walked.steps, args.layer)
    else:
        chosen = screens.shown_names(walked.steps)
    if args.json:
        print(json.dumps(as_json(walked, names, chosen), indent=2))
        return 0
    pages = list(screens.screens(walked, chosen))
    if not args.layer:
        pages = [screens.opening(walked, seen, names, chosen), *pages, screens.closing(walked)]
    show(pages)
    return 0


def show(pages):
    """Print the pages; on a terminal one at a time, at the user's pace."""
    asks = len(pages) > 2 and sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()
    number = 0
    while number < len(pages):
        print("\n" * bool(number) + pages[number])
        answer = ""
        if asks and number + 1 < len(pages):
            try:
                answer = input("\nEnter: next   b: back   q: end > ").strip().lower()[:1]
            except EOFError:
                answer = "q"
        if answer == "q":
            return
        number = max(0, number - 1) if answer == "b" else number + 1
