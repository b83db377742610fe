"""python -m minivit explain: one picture through a whole model, forward and backward."""

import json
import sys
from pathlib import Path

from ..errors import ConfigError, MinivitError, RunError
from ..explain import assemble, both_ends, picture, screens
from ..explain.as_json import as_json
from ..explain.pictures import test_pictures
from ..explain.record import walk
from ..storage import atomic, own_files
from ..text import binary, counted, printable
from .arguments import add_model, choice, flag, load_model, path, words
from .train_options import add_images

EPILOG = """\
The walk is a screen a layer: the equations, shapes, numbers, and the share of
parameters and operations; then backward: what comes back, what is passed on,
the gradients. On a terminal Enter goes on, b goes back, q ends.

--html writes a page instead: one file that needs no network and no server. The
model computes in it, forward and backward, so every number can be changed. Ten
test images travel in it, if the data set of the model's run is found.

examples:
  {prog} runs/shapes-smoke-1 tee.png
  {prog} runs/shapes-smoke-1 tee.png --layer block2.attn
  {prog} runs/tiny horse.png --label dog --html horse.html
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
    parser.add_argument("--html", type=path, metavar="FILE", help="write a page to FILE")
    parser.add_argument(
        "--lang",
        type=choice("language", assemble.LANGUAGES),
        metavar="{en,zh}",
        help="language of the page (default: en); a button in it changes it",
    )
    add_images(parser, "test images for the page (default: of the model's own run)")
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    parser.epilog = EPILOG.format(prog=parser.prog)


def main(args):
    """Walk through the model -> 0."""
    _check_together(args)
    if args.html:
        own_files.refuse_others(args.html, mark=assemble.MARK.encode())
    trained = load_model(args)
    picture.require_classes(trained, args.model)
    label = picture.label_number(trained, args.label)
    seen = picture.read(trained, args.image)
    walked = walk(trained, picture.normalised(trained, seen.pixels), label)
    names = picture.class_names(trained)
    if args.html:
        return _page(args, trained, walked, seen)
    if args.layer:
        chosen = screens.chosen_names(walked.steps, args.layer)
    else:
        chosen = screens.shown_names(walked.steps)
    if args.json:
        print(json.dumps(as_json(walked, names, chosen), indent=2))
        return 0
    pages = list(screens.screens(walked, chosen))
    if not args.layer:
        pages = [both_ends.opening(walked, seen, names, chosen), *pages, both_ends.closing(walked)]
    show(pages)
    return 0


def _check_together(args):
    """Raise ConfigError for options that do not go together."""
    if args.html and (args.layer or args.json):
        raise ConfigError("--html writes a page of all layers: leave out --layer and --json.")
    for name in ("lang", "dataset", "data_dir"):
        if getattr(args, name) and not args.html:
            raise ConfigError(f"{flag(name)} is for a page: it needs --html FILE.")


def _page(args, trained, walked, seen):
    """Write the page, and say what is in it -> 0."""
    assemble.refuse(walked)
    try:
        more = test_pictures(trained, args.dataset, args.data_dir)
    except MinivitError as error:
        if args.dataset or args.data_dir:
            raise
        more = []
        print(f"note: no test images in the page: {error}", file=sys.stderr)
    pictures, labels = [seen, *(p for p, _ in more)], [None, *(label for _, label in more)]
    name = Path(args.model).name
    text = assemble.assemble(trained, walked, pictures, labels, name, args.lang or "en")
    with atomic.replacing(args.html, RunError) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")
    size, shown = binary(Path(args.html).stat().st_size), counted(len(pictures), "picture")
    print(f"wrote {printable(args.html)}: {size}, {shown}; open it in a browser")
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
