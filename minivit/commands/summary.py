"""python -m minivit summary: layers, shapes, parameters, MACs and memory of a model, as a table."""

from ..config import VARIANTS, Config
from ..costs import activation_bytes, flops, macs, parameters, rows
from .arguments import add_settings, given, whole

LINE = "{:<24}{:<16}{:>13}{:>11}{:>14}"
FLOAT = 4  # bytes of a float32


def add_arguments(parser):
    """Add the command's options."""
    parser.add_argument(
        "--variant",
        metavar="NAME/P",
        help=f"a published model, one of {', '.join(VARIANTS)} with the patch size, such as B/16; "
        "it has 224 pixels and 1000 classes unless these are given too",
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
        f"  {parser.prog} --variant Ti/4 --image-size 32 --classes 10"
    )


def main(args):
    """Print the table -> 0. Raises ConfigError for sizes that cannot be."""
    if args.variant:
        config = Config.variant(args.variant, **given(args, Config))
    else:
        config = Config(**given(args, Config))
    print_table(config, args.batch_size)
    print_notes(config, args.batch_size)
    return 0


def print_table(config, batch_size):
    """One line a layer, the blocks as one with their parts below it, and the totals."""
    side, batch = config.image_size, batch_size
    print(f"{side} x {side} x {config.channels} images, B = {batch}, float32\n")
    print(LINE.format("layer", "output", "parameters", "MACs", "activations"))
    for row in rows(config):
        print(line(row, row.count, batch))
        for part in row.parts:
            print(line(part, row.count, batch, indent="  "))
    kept = binary(activation_bytes(config, batch, FLOAT))
    print("-" * 78)
    total = f"{parameters(config):,}"
    print(LINE.format("total", "", total, decimal(macs(config)), kept))


def print_notes(config, batch_size):
    """What the columns count, and the sums that follow from them."""
    weights = FLOAT * parameters(config)
    print(f"""
MACs          matrix products of one image's forward pass
FLOPs         2 x MACs = {decimal(flops(config))} an image; \
{decimal(flops(config, training=True))} in training (3 x forward)
a step        {decimal(batch_size * flops(config, training=True))}FLOPs for {batch_size} images
activations   what forward keeps for backward, all {batch_size} images at once
checkpoint    {binary(weights)} of weights; {binary(3 * weights)} with AdamW's two averages""")


def line(row, count, batch_size, indent=""):
    """The table's line for `count` such layers."""
    name = f"block0..block{count - 1} ({count} x)" if row.parts else indent + row.name
    shape = " x ".join(map(str, ("B", *row.shape))) if row.shape else "one number"
    number = f"{count * row.parameters:,}" if row.parameters else "-"
    kept = binary(count * row.activation_bytes(batch_size, FLOAT))
    return LINE.format(name, shape, number, decimal(count * row.macs), kept)


def decimal(number):
    """A count with one decimal and a letter for its thousands: 365107584 -> "365.1 M"."""
    return _scaled(number, 1000, ("", "k", "M", "G", "T", "P", "E"))


def binary(size):
    """Bytes with one decimal and the unit, in powers of 1024: 1536 -> "1.5 KiB"."""
    return _scaled(size, 1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"))


def _scaled(number, base, units):
    """`number` in the first unit that leaves it below 1000; "-" for none."""
    if not number:
        return "-"
    power = 0
    while number >= 1000 * base**power and power + 1 < len(units):
        power += 1
    text = f"{number / base**power:.1f}" if power else str(number)
    return f"{text} {units[power]}".strip()
