"""python -m minivit export: write a trained model for other programs, or for keeping."""

import json
import sys
from pathlib import Path

from ..arrays import tree
from ..pretrained.export import export, prepare
from ..pretrained.formats import FORMATS
from ..text import binary, counted, printable
from .arguments import add_model, choice, load_model, path
from .exits import after

EPILOG = """\
The format follows from FILE:
  NAME.safetensors        timm: the weights, and config.json beside them
  NAME or NAME/           Hugging Face: a directory with model.safetensors,
                          config.json and preprocessor_config.json
  NAME.npz                the authors' layout (JAX, Flax), weights alone
  NAME.npz --weights-only minivit's own: weights, sizes, names of classes,
                          normalisation, data set and test metrics; of an
                          AdamW checkpoint a third of the size
--format timm with a directory writes model.safetensors and config.json there.
The first two need the package safetensors. Nothing is written over.

What a format cannot hold is refused; minivit's own holds every model. Of the
presets, tiny and small have overlapping patches, which it alone holds: for the
others train with --patch-overlap 0, and for Hugging Face with --pool class.

examples:
  {prog} runs/cifar10-tiny-1 model.npz --weights-only
  {prog} runs/shapes-smoke-1 for-timm/model.safetensors
  {prog} runs/shapes-smoke-1 vit.npz
  {prog} runs/with-a-class-token for-hugging-face/

then, in Python:
  timm.create_model("local-dir:for-timm", pretrained=True)
  transformers.ViTForImageClassification.from_pretrained("for-hugging-face")
"""


def add_arguments(parser):
    """Add the command's arguments and options."""
    parser.usage = "%(prog)s MODEL FILE [options]"
    add_model(parser)
    parser.add_argument("file", metavar="FILE", type=path, help="what to write; see below")
    parser.add_argument(
        "--format",
        type=choice("format", FORMATS),
        metavar="{" + ",".join(FORMATS) + "}",
        help="write in this format, where FILE means another",
    )
    parser.add_argument(
        "--weights-only",
        action="store_true",
        help="write minivit's own file, without the optimizer's state (--format minivit)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    parser.epilog = EPILOG.format(prog=parser.prog)


def main(args):
    """Write the model, print what was written -> 0."""
    name = prepare(args.file, args.format, args.weights_only)  # before a large model is read
    trained = load_model(args)
    done = export(trained, args.file, name)
    with after(f"The model is written: {', '.join(map(str, done.files))}"):
        report(args, trained, done)
    return 0


def report(args, trained, done):
    """Print what was written, as text or as JSON."""
    sizes = {file: Path(file).stat().st_size for file in done.files}
    parameters = sum(leaf.size for _, leaf in tree.walk(trained.params))
    if args.json:
        found = {
            "model": args.model,
            "format": done.format,
            "files": sizes,
            "parameters": parameters,
            "read_with": done.read_with,
            "notes": done.notes,
        }
        print(json.dumps(found, indent=2))
        return
    how = "" if args.format or args.weights_only else ", by the name of FILE"
    title = FORMATS[done.format].title
    print(f"{title} format ({done.format}{how}), {counted(parameters, 'parameter')}")
    for file, size in sizes.items():
        print(f"  {printable(file)}  {binary(size)}")
    if done.read_with:
        print(f"read it with: {printable(done.read_with)}")
    for note in done.notes:
        print(f"note: {note}", file=sys.stderr)
