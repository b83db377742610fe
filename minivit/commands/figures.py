"""python -m minivit figures: pictures of a trained model, of runs, and of augmentation."""

import json
import sys
import textwrap
from argparse import ArgumentTypeError
from pathlib import Path

from .. import figures
from ..errors import ConfigError, MinivitError
from ..figures.drawing import FORMATS, require_matplotlib, save
from ..text import shell
from ..training.presets import PRESETS
from .arguments import choice, path, whole
from .figures_subject import Sources
from .progress import Progress


def add_arguments(parser):
    """Add the command's options."""
    parser.usage = "%(prog)s [MODEL] [options]"
    parser.add_argument(
        "model", metavar="MODEL", nargs="?", type=path,
        help="a run's directory, a checkpoint, or a file that import or export made; curves and "
        "augmentation do without",
    )  # fmt: skip
    parser.add_argument(
        "--kind", type=names("kind", figures.KINDS), metavar="A,B,...",
        help="figures to draw, of those below (default: all that can be drawn)",
    )  # fmt: skip
    parser.add_argument("--out", type=path, default="figures", metavar="DIR",
                        help="where the figures are written")  # fmt: skip
    parser.add_argument("--format", type=names("format", FORMATS), default="png",
                        metavar="A,B,...", help=f"of {', '.join(FORMATS)}; or all")  # fmt: skip
    parser.add_argument("--dpi", type=whole(30, 1200), default=200, metavar="N",
                        help="dots per inch of PNG; 100 gives pictures 700 wide")  # fmt: skip
    images = parser.add_argument_group("what is looked at")
    source = images.add_mutually_exclusive_group()
    source.add_argument(
        "--images", nargs="+", type=path, metavar="FILE", help="image files, or folders of them"
    )
    source.add_argument(
        "--dataset", metavar="NAME",
        help="a data set, or a directory of images: its test images are looked at, its training "
        "images augmented (default: the one that MODEL was trained on)",
    )  # fmt: skip
    images.add_argument("--data-dir", type=path, metavar="DIR", help="where the data set is")
    images.add_argument(
        "--pick", type=numbers(), metavar="N,N,...",
        help="test images to begin with, by number; each gets a figure of its attention",
    )  # fmt: skip
    images.add_argument(
        "--patch", type=numbers(2), metavar="ROW,COLUMN",
        help="show this patch's attention, not the class token's (default without a class token: "
        "the patch in the middle)",
    )  # fmt: skip
    other = parser.add_argument_group("other figures")
    other.add_argument("--runs", nargs="+", type=path, metavar="RUN",
                       help="runs to compare: directories, or metrics.jsonl files")  # fmt: skip
    other.add_argument("--preset", type=choice("preset", PRESETS), metavar="NAME",
                       help="augment as this preset does, not as MODEL's run did")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    parser.epilog = "figures:\n" + (
        "\n".join(f"  {name:<14}{kind.text}" for name, kind in figures.KINDS.items())
        + "\n\nexamples:"
        + f"\n  {parser.prog} runs/cifar10-tiny-1 --pick 3,14"
        + f"\n  {parser.prog} RUN --kind rollout --images *.jpg"
        + f"\n  {parser.prog} --runs runs/* --format pdf --out paper"
        + f"\n  {parser.prog} --preset base --dataset cifar10"
    )


def names(kind, valid):
    """A value type: names separated by commas -> list of names, each once; "all" -> None."""
    name = choice(kind, (*valid, "all"))

    def value(text):
        chosen = [name(part.strip()) for part in text.split(",")]
        return None if "all" in chosen else list(dict.fromkeys(chosen))

    return value


def numbers(count=None):
    """A value type: numbers from 0 separated by commas -> tuple; `count` of them if it is given."""
    number = whole(0)

    def value(text):
        chosen = tuple(number(part.strip()) for part in text.split(","))
        if count and len(chosen) != count:
            raise ArgumentTypeError(f"must be {count} numbers with a comma between; got {text!r}")
        return chosen

    return value


def main(args):
    """Draw and write the figures -> 0.

    A figure that was not asked for by name and cannot be drawn is left out, with the reason.
    Raises ConfigError, DataError, CheckpointError, BackendError and RunError for what was asked
    for and cannot be.
    """
    require_matplotlib()
    out = Path(args.out)
    if out.exists() and not out.is_dir():
        raise ConfigError(f"--out {shell(out)} is a file; name a directory")
    if not (args.model or args.runs or args.preset):
        raise ConfigError(
            "name a MODEL to look at; without one, --runs A B ... or --preset NAME can be drawn"
        )
    kinds, sources = args.kind or possible(args), Sources(args)
    sources.check(kinds)
    drawn, left_out = [], {}
    with Progress(len(kinds), " figures") as progress:
        for kind in kinds:
            try:
                drawings = figures.draw(kind, sources.subject(kind))
            except MinivitError as error:
                if args.kind or (kind == "curves" and args.runs):
                    raise
                reason = str(error).replace(f"the figure {kind} needs", "it needs")
                left_out.setdefault(reason, []).append(kind)
            else:
                for drawing in drawings:
                    files = [str(f) for f in save(drawing, out, args.format or FORMATS, args.dpi)]
                    drawn.append({"kind": kind, "files": files, "caption": drawing.caption})
            progress.update()
    if not drawn:
        raise ConfigError(
            "; ".join(f"cannot draw {', '.join(k)}: {r}" for r, k in left_out.items())
        )
    report(args, drawn, left_out)
    return 0


def possible(args):
    """The kinds of figures for which something is given."""
    if args.model:
        return list(figures.KINDS)
    return ["curves"] * bool(args.runs) + ["augmentation"] * bool(args.preset)


def report(args, drawn, left_out):
    """Print which files were written and what they show, and what was left out."""
    if args.json:
        reasons = [{"kinds": kinds, "reason": reason} for reason, kinds in left_out.items()]
        print(json.dumps({"figures": drawn, "left_out": reasons}, indent=2))
        return
    for entry in drawn:
        print(", ".join(entry["files"]))
        print(textwrap.fill(entry["caption"], 78, initial_indent="  ", subsequent_indent="  "))
    for reason, kinds in left_out.items():
        print(f"left out {', '.join(kinds)}: {reason}", file=sys.stderr)
