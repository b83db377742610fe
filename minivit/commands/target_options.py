"""The options that name the targets of a directory of images: a `data.TargetFile`."""

from argparse import ArgumentTypeError

from .arguments import path, words


def add_targets(group):
    """Add the options that name a `data.TargetFile`."""
    group.add_argument(
        "--targets",
        type=path,
        metavar="FILE",
        help="with a directory: a CSV file with a row for each image, numbers or labels to learn",
    )
    group.add_argument(
        "--name-column",
        type=words,
        metavar="NAME",
        help="column of FILE with the images' names (default: the first)",
    )
    group.add_argument(
        "--target-column",
        type=words,
        nargs="+",
        metavar="NAME",
        help="columns of FILE to learn (default: the last)",
    )
    group.add_argument(
        "--fold",
        type=fold,
        metavar="K/N",
        help="of the images cut into N parts, which one is the test set (default: 1/5)",
    )


def fold(text):
    """A value type: "2/5" -> (2, 5)."""
    try:
        part, parts = map(int, text.split("/"))
    except ValueError:
        part, parts = 0, 0
    if not 1 <= part <= parts or parts < 2:
        raise ArgumentTypeError(f"must be K/N with K from 1 to N, such as 2/5; got {text!r}")
    return part, parts
