"""python -m minivit probe: what the blocks of a trained model know, by probes on its features."""

import json
from pathlib import Path

import numpy as np

from ..arrays.keys import generator
from ..errors import ConfigError
from ..evaluation.images import load_parts
from ..figures import depth
from ..figures.drawing import FORMATS, require_matplotlib, save, style
from ..models import refuse_without_blocks
from ..objective import Classification
from ..probe.probing import PROBES, count_of_probes, probe
from ..text import counted
from .arguments import add_model, load_model, path, whole
from .evaluate import say
from .progress import Progress
from .train_options import add_images

EPILOG = """\
The model stays as it is. Of every block its class token (if it has one), the
mean of its patches and both side by side are given to three simple classifiers:

  ridge       least squares on the classes, in closed form
  logistic    linear, with cross-entropy
  neighbours  the vote of the 20 most similar training images

They learn from training images and are judged on test images. A fifth of the
training images decides how strongly the first two are regularised. Images of
another data set are made such as the model takes: its size, grey or in colour.

examples:
  {prog} runs/cifar10-tiny-1
  {prog} runs/cifar10-tiny-1 --dataset photos --out depth.png
  {prog} model.npz --dataset fashion-mnist --json
"""


def add_arguments(parser):
    """Add the command's options."""
    parser.usage = "%(prog)s MODEL [options]"
    add_model(parser)
    add_images(parser, "other images, of any classes: a data set's name, or a directory (default: "
               "the run's own)")  # fmt: skip
    parser.add_argument(
        "--images", type=whole(2), metavar="N", default=10_000,
        help="training images that the probes learn from, at most",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=whole(0), metavar="N", default=0, help="seed of the choice of images"
    )
    parser.add_argument(
        "--out", type=path, metavar="FILE",
        help=f"draw accuracy over depth to FILE ({', '.join(FORMATS)}); needs matplotlib",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    parser.epilog = EPILOG.format(prog=parser.prog)


def main(args):
    """Probe, print a table or JSON, draw what --out asks for -> 0."""
    if args.out:
        require_matplotlib()
        if Path(args.out).suffix[1:].lower() not in FORMATS:
            raise ConfigError(f"--out {args.out}: name a file that ends in .{', .'.join(FORMATS)}.")
    trained = load_model(args)
    refuse_without_blocks(trained.config, "probe")
    parts = load_parts(trained, ("train", "test"), args.dataset, args.data_dir, say, True)
    training, test = parts
    chosen = np.arange(len(training.images))
    if len(chosen) > args.images:
        chosen = np.sort(generator(args.seed, "images").permutation(chosen)[: args.images])
    images, labels = training.images[chosen], training.targets[chosen]
    if not test.classes:
        raise ConfigError(f"{test.dataset} has no classes, and probes name classes.")
    total = len(images) + len(test.images) + count_of_probes(trained.config)
    with Progress(total, " images and probes") as progress:
        rows = probe(
            trained,
            (images, labels),
            (test.images, test.targets),
            len(test.classes),
            args.seed,
            progress.update,
        )
    values = {
        "model": args.model,
        "dataset": test.dataset,
        "training_images": len(images),
        "test_images": len(test.images),
        "own_head": own_head(trained, test),
        "rows": [row._asdict() for row in rows],
    }
    print(json.dumps(values, indent=2) if args.json else table(values, rows))
    for note in test.notes if not args.json else ():
        say(note)
    if args.out:
        target = Path(args.out)
        with style():
            drawing = depth.draw(values)._replace(name=target.stem)
        save(drawing, target.parent, (target.suffix[1:].lower(),))
        say(f"written to {target}")
    return 0


def own_head(trained, part):
    """The accuracy of the model's own head; None where it does not know these classes."""
    classifies = trained.objective.name == Classification.name
    if not classifies or tuple(trained.classes) != tuple(part.classes):
        return None
    return float((trained.predict(part.images).argmax(axis=1) == part.targets).mean())


def table(values, rows):
    """The rows as text; the best number of each probe has a star."""
    best = {name: max(getattr(row, name) for row in rows) for name in PROBES}
    images = [counted(values[f"{of}_images"], f"{of} image") for of in ("training", "test")]
    lines = [
        f"{values['dataset']}: {', '.join(images)}",
        "",
        "block  features" + "".join(f"{name:>12}" for name in PROBES),
    ]
    for row in rows:
        numbers = [
            f"{getattr(row, name):>11.2%}{'*' if getattr(row, name) == best[name] else ' '}"
            for name in PROBES
        ]
        lines.append(f"{row.block:<7}{row.features:<8}{''.join(numbers)}".rstrip())
    if values["own_head"] is not None:
        lines += ["", f"the model's own head: {values['own_head']:.2%}"]
    return "\n".join(lines)
