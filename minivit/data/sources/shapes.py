"""`shapes`: 32 x 32 colour images of ten figures, each made of nine marks, drawn by a formula.

This is the built-in data set, for machines without CIFAR-10 and without a network. The class of an
image is the figure that its marks form; `FIGURES` defines all ten. Everything else is random: two
opposite colours and which mark has which, the shape and size of the marks, the figure's position,
spacing and slant, a small displacement of each mark, and pixel noise.

Single pixels tell little about the class. The two colours are equally far from the grey background,
on opposite sides, and each mark has either with equal chance, so the average image of every class
is the same grey. Softmax regression on the 10,000 training images stays under 23% on the test
images. (Averages of *where* the marks are, whatever their colour, classify nearly all of them.)

Single patches tell little either. Every figure has nine equal marks, and a patch of 4 x 4 pixels
rarely shows more than one, so only the positions of the patches distinguish the figures. The
`smoke` preset without its position embedding reaches 31.5 +- 0.4% of the test images (three seeds)
in its three passes over the training set, and 45% if it is given ten; with it, three passes give
99.97%. (Measured as in tests/data/test_shapes_learned.py.)

A ViT learns it within a minute because the background is the mean colour of the set. An empty patch
is therefore nearly zero after normalisation, and its token is little more than its position
embedding, which LayerNorm scales up, so the model can tell from the first steps which positions
are empty. (With backgrounds of varied colours, a ViT of width 64 was still at chance after five
passes.) Width 128, 6 blocks, 4 heads, MLP 256, patch 4, mean pooling, AdamW at 1e-3, batch 128,
crops and flips: 82, 96, 97, 99 and 99% of the test images after 1, 2, 3, 4 and 5 passes over the
training set.

Every figure is its own mirror image and stays the same figure after a shift of a few pixels, so
cropping and flipping change no class. A seed gives the same images on every run; another processor
or NumPy version may round a pixel to a neighbouring level.
"""

import numpy as np

from ..dataset import Dataset

FIGURES = {  # five rows of five cells; o is a mark
    "plus": "..o.. ..o.. ooooo ..o.. ..o..",
    "cross": "o...o .o.o. ..o.. .o.o. o...o",
    "tee": "ooooo ..o.. ..o.. ..o.. ..o..",
    "upturned tee": "..o.. ..o.. ..o.. ..o.. ooooo",
    "valley": "o...o o...o .o.o. .o.o. ..o..",
    "peak": "..o.. .o.o. .o.o. o...o o...o",
    "cup": "..... o...o o...o o...o .ooo.",
    "arch": ".ooo. o...o o...o o...o .....",
    "ring": ".o.o. o...o ..o.. o...o .o.o.",
    "block": "..... .ooo. .ooo. .ooo. .....",
}
MARKS = 9  # in every figure
SIDE = 32  # pixels
MARK_SHAPES = np.array(  # a mark is |dx / radius| ** power + |dy / radius| ** power <= 1
    [(0.8, 3.0), (1.0, 2.7), (2.0, 2.25), (4.0, 2.0)], np.float32
)  # (power, radius in pixels) of a star, a rhombus, a disc and a rounded square
NOISE = 0.004  # standard deviation of the pixel noise, where white is 1
CHUNK = 250  # images drawn at a time: few, so that the working arrays stay in the cache


def load(seed=0, train=10_000, test=2_000):
    """The set as a Dataset of `train` and `test` images, with classes as equal as possible.

    Training and test images come from two random streams of one seed, so neither set depends on
    the size of the other. Takes about a second for 12,000 images. Raises DataError if either number
    is 0.
    """
    parts = [_draw(np.random.default_rng([seed, k]), n) for k, n in enumerate((train, test))]
    return Dataset("shapes", tuple(FIGURES), *parts[0], *parts[1])


def _draw(rng, count):
    """`count` images (N, 32, 32, 3) uint8 and their labels (N,) int64, in random order."""
    labels = rng.permutation(np.arange(count, dtype=np.int64) % len(FIGURES))
    images = np.empty((len(labels), SIDE, SIDE, 3), np.uint8)
    for start in range(0, len(labels), CHUNK):
        chunk = slice(start, start + CHUNK)
        y, x = _mark_positions(rng, labels[chunk])
        images[chunk] = coloured(rng, coverage(rng, y, x))
    return images, labels


def _uniform(rng, low, high, *shape):
    return rng.uniform(low, high, shape).astype(np.float32)


def _mark_positions(rng, labels):
    """Rows and columns of the marks' centres, each (B, 9) float32, in pixels."""
    y, x = cells(labels)
    B = len(labels)
    slant = _uniform(rng, -0.1, 0.1, B, 1)  # radians, for such small angles
    spacing = _uniform(rng, 4.7, 5.3, B, 1)  # pixels
    y, x = spacing * (y + slant * x), spacing * (x - slant * y)
    centre = (SIDE - 1) / 2
    return tuple(
        centre + offset + _uniform(rng, -1.5, 1.5, B, 1) + _uniform(rng, -0.5, 0.5, B, MARKS)
        for offset in (y, x)
    )


def cells(labels):
    """The cells of the marks of figures (B,): rows and columns from the middle one, (B, 9) each."""
    grids = np.array([[list(row) for row in art.split()] for art in FIGURES.values()])
    every = np.argwhere(grids == "o")[:, 1:].reshape(len(FIGURES), MARKS, 2) - 2.0
    return np.moveaxis(every[labels], -1, 0).astype(np.float32)


def coverage(rng, y, x, size=1.0):
    """How far each pixel is covered by a mark, (B, 32, 32): 1 light, -1 dark, 0 background.

    y, x: (B, 9), where the marks' centres are, in pixels; size: of a mark, beside those of the set.
    """
    B = len(y)
    power, radius = np.moveaxis(MARK_SHAPES[rng.integers(len(MARK_SHAPES), size=(B, 1, 1))], -1, 0)
    radius = radius * (size * _uniform(rng, 0.85, 1.1, B, 1, 1))
    sharpness = np.maximum(radius / power, 0.5)  # an edge fades over about one pixel
    pixel = np.arange(SIDE, dtype=np.float32)
    vertical = np.abs((pixel - y[..., None]) / radius) ** power  # (B, 9, 32)
    horizontal = np.abs((pixel - x[..., None]) / radius) ** power
    sign = rng.choice(np.array([-1, 1], np.float32), size=(B, MARKS, 1, 1))  # light or dark
    covered = np.zeros((B, SIDE, SIDE), np.float32)
    for k in range(MARKS):
        mark = vertical[:, k, :, None] + horizontal[:, k, None, :]
        np.subtract(1, mark, out=mark)
        mark *= sharpness
        mark += 0.5
        np.clip(mark, 0, 1, out=mark)
        mark *= sign[:, k]
        covered += mark
    return covered


def coloured(rng, covered):
    """The images (B, 32, 32, 3) uint8: a noisy grey background and two opposite colours."""
    B = len(covered)
    images = rng.standard_normal((B, SIDE, SIDE, 3), dtype=np.float32)
    images *= NOISE
    images += 0.5  # the background, halfway between black and white
    contrast = _uniform(rng, 0.32, 0.45, B, 1) + _tint(rng, 0.2, B)  # (B, 3)
    images += covered[..., None] * contrast[:, None, None]
    images *= 255
    np.clip(images, 0, 255, out=images)
    return np.rint(images, out=images).astype(np.uint8)


def _tint(rng, amount, B):
    """A random hue as offsets of red, green and blue that add up to zero, (B, 3)."""
    turn = _uniform(rng, 0, 1, B, 1) + np.array([0, 1 / 3, 2 / 3], np.float32)
    return amount * np.cos(2 * np.pi * turn)
