"""Image files as arrays: the same reading for training and for prediction.

PNG, JPEG, WEBP and BMP files are read, recognised by their content. Every image becomes RGB, or
grey for a model of one channel: it is turned as its EXIF tag says, transparency is dropped (what
counts is the colour that the file holds there), 16-bit grey is cut to its upper 8 bits, and of an
animation the first frame is used. Its shorter side is resized to `size` pixels (bicubic), and the
square in the middle is kept; of a size that is not square, the largest part in the middle that has
its shape is resized to it.

With `crop` below 1 the shorter side is resized to size / crop pixels, rounded down, so that a
margin is lost on all sides: the evaluation of most published weights. Source: timm 1.0,
`timm.data.transforms_factory.transforms_imagenet_eval` (crop_pct).
"""

import os
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .. import limits
from ..errors import BackendError, ConfigError, DataError
from ..text import printable

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
MODES = {1: "L", 3: "RGB"}  # channels: Pillow's name


@contextmanager
def reading(what, channels=3):
    """Inside it `read` may be called, also by threads. what: named where Pillow is missing.

    Raises BackendError without Pillow, ConfigError for channels that no image file has.
    """
    if channels not in MODES:
        raise ConfigError(f"image files have 1 or 3 channels; the model takes {channels}.")
    try:
        from PIL import Image
    except ImportError:
        raise BackendError(f"reading {what} needs Pillow: pip install pillow") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # dropped transparency, damaged EXIF tags
        # For an image between Pillow's size limit and twice that, Pillow only warns.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def read(file, size, channels=3, crop=1.0, animations=None):
    """The image in `file` -> (H, W, channels) uint8. Call it inside `reading`.

    size: one number, or H and W. animations: a list that gets `file` if it is an animation. Raises
    DataError, one sentence with the file's name, if it cannot be read or is larger than `limits`
    says.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    file, (height, width) = Path(file), height_and_width(size)
    kept = min(height, width) / int(min(height, width) / crop)  # share of the shorter side
    try:
        if file.exists() and not file.is_file():  # opening a pipe would block for ever
            raise OSError("it is not a file")
        if file.stat().st_size > limits.IMAGE_FILE:
            raise OSError(f"it has more than {limits.IMAGE_FILE:,} bytes")
        with Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > limits.PIXELS:
                raise OSError(
                    f"it has {image.width} x {image.height} pixels, and at most "
                    f"{limits.PIXELS:,} are read"
                )
            if animations is not None and getattr(image, "n_frames", 1) > 1:
                animations.append(file)
            ImageOps.exif_transpose(image, in_place=True)  # copies take memory: see `limits`
            if image.mode.startswith("I"):
                image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            if image.mode != MODES[channels]:
                image = image.convert(MODES[channels])
            bicubic, margin = Image.Resampling.BICUBIC, (1 - kept) / 2
            pixels = np.asarray(ImageOps.fit(image, (width, height), bicubic, margin))
            return pixels.reshape(height, width, channels)
    except Exception as error:  # a damaged image can raise nearly anything
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        reason = printable(" ".join(reason.split()))
        if isinstance(error, UnidentifiedImageError):
            reason = "it is none of these"
        raise DataError(
            f"{file} cannot be read as {', '.join(FORMATS)} ({reason}); remove or replace it."
        ) from None


def height_and_width(size):
    """A size in pixels, one number or two -> (H, W). Raises ConfigError below 1 pixel."""
    height, width = size if isinstance(size, (tuple, list)) else (size, size)
    if min(height, width) < 1:
        raise ConfigError(f"image_size is {size}; it must be at least 1 pixel.")
    return height, width


def find(paths):
    """The files that `paths` name, as a list of Path, and how many files were left out.

    A file stands for itself, also one that is not there: `read` says so. A directory stands for
    all image files in it and below it, by their endings, sorted by path. Hidden files and
    directories are ignored; files with other endings are left out and counted. Raises DataError
    for a directory without images, or one that cannot be read.
    """
    files, left_out = [], 0
    for path in map(Path, paths):
        if not path.is_dir():
            files.append(path)
            continue
        inside = [file for file in _walk(path) if not file.name.startswith(".")]
        images = [file for file in inside if file.suffix.lower() in ENDINGS]
        if not images:
            raise DataError(f"{path} has no images ({', '.join(ENDINGS)}).")
        files += sorted(images)
        left_out += len(inside) - len(images)
    return files, left_out


def _walk(directory):
    """All files in a directory and below it, without hidden directories."""

    def refuse(error):
        raise DataError(f"cannot read the directory {error.filename}: {error.strerror}.") from None

    for folder, folders, names in os.walk(directory, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(folder) / name for name in names)
