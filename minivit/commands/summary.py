"""python -m minivit summary: a table of a model's layers, shapes, parameters, MACs and memory."""

from ..config import HYBRIDS, VARIANTS, Config
from ..costs import activation_bytes, flops, layer_costs, macs, parameters
from ..text import binary, decimal
from .arguments import add_settings, given, whole

LINE = "{:<24}{:<16}{:>13}{:>11}{:>14}"
FLOAT = 4  # bytes of a float32


def add_arguments(parser):
    """Add the command's options."""
    parser.add_argument(
        "--variant",
        metavar="NAME/P",
        help=f"a published model, one of {', '.join(VARIANTS)} with the patch size, such as B/16, "
        f"or one of {', '.join(HYBRIDS)}; it has 224 pixels and 1000 classes unless these are "
        "given too",
    )
    parser.add_argument(
        "--batch-size",
        metavar="N",
        type=whole(),
        default=128,
        help="images whose activations are in memory at once",
    )
    add_settings(parser.add_argument_group("the model"), Config)
    parser.epilog = (
        "examples:\n"
        f"  {parser.prog} --dim 96 --depth 4\n"
        f"  {parser.prog} --image-size 48x32 --patch-size 4x8\n"
        f"  {parser.prog} --variant Ti/4 --image-size 32 --classes 10"
    )


def main(args):
    """Print the table -> 0. Raises ConfigError for sizes that do not fit together."""
    if args.variant:
        config = Config.variant(args.variant, **given(args, Config))
    else:
        config = Config(**given(args, Config))
    print_table(config, args.batch_size)
    print_notes(config, args.batch_size)
    return 0


def print_table(config, batch_size):
    """One line a layer, the blocks as one line with their parts below it, and the totals."""
    size, batch = " x ".join(map(str, config.image_shape)), batch_size
    print(f"{size} images, B = {batch}, float32\n")
    print(LINE.format("layer", "output", "parameters", "MACs", "activations"))
    for layer in layer_costs(config):
        print(line(layer, batch))
        for part in layer.parts:
            print(line(part, batch, indent="  "))
    kept = binary(activation_bytes(config, batch, FLOAT))
    print("-" * 78)
    total = f"{parameters(config):,}"
    print(LINE.format("total", "", total, decimal(macs(config)), kept))


def print_notes(config, batch_size):
    """What the columns count, and what follows from them."""
    weights = FLOAT * parameters(config)
    print(f"""
MACs          matrix products of one image's forward pass
FLOPs         2 x MACs = {decimal(flops(config))} an image; \
{decimal(flops(config, training=True))} in training (3 x forward)
a step        {decimal(batch_size * flops(config, training=True))}FLOPs for {batch_size} images
activations   what forward keeps for backward, all {batch_size} images at once
checkpoint    {binary(weights)} of weights; {binary(3 * weights)} with AdamW's two averages""")


def line(layer, batch_size, indent=""):
    """The table's line for a LayerCost."""
    number = f" ({layer.count} x)" if layer.count > 1 and not indent else ""
    shape = " x ".join(map(str, ("B", *layer.shape))) if layer.shape else "one number"
    weights = f"{layer.parameters:,}" if layer.parameters else "-"
    kept = binary(layer.activation_bytes(batch_size, FLOAT))
    return LINE.format(indent + layer.name + number, shape, weights, decimal(layer.macs), kept)
