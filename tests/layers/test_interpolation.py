"""Interpolation against SciPy, Pillow, PyTorch and its formulas; positions of another grid."""

import math

import numpy as np
import pytest
from cases import B, close, draw, redrawn, run

from minivit.arrays.backend import to_device, to_host
from minivit.arrays.interpolation import WAYS, bicubic, bilinear, bilinear_corners, grid_matrix
from minivit.layers import ResampledPositions

SIZES = [(8, 12), (8, 6), (3, 7), (7, 3), (5, 5), (14, 24)]
sizes = pytest.mark.parametrize(("old", "new"), SIZES)
D = 4


@sizes
@pytest.mark.parametrize("name", WAYS)
def test_rows_sum_to_1_and_the_grid_may_be_turned_round(name, old, new):
    matrix = WAYS[name](old, new)
    assert matrix.shape == (new, old)
    close(matrix.sum(axis=1), 1.0)
    close(matrix[::-1, ::-1], matrix)
    if old == new:
        close(matrix, np.eye(old))


@sizes
def test_aligned_corners_by_their_formula(old, new):
    x = draw((old,))
    for i, got in enumerate(bilinear_corners(old, new) @ x):
        place = i * (old - 1) / (new - 1)
        low = min(math.floor(place), old - 2)
        assert got == pytest.approx(x[low] + (place - low) * (x[low + 1] - x[low]))


@sizes
def test_half_pixel_bilinear_by_its_formula(old, new):
    """Means under a triangle that is one sample wide, or one new sample where there are fewer."""
    x, width = draw((old,)), max(1, old / new)
    for i, got in enumerate(bilinear(old, new) @ x):
        middle = (i + 0.5) * old / new
        weights = [max(0, 1 - abs(j + 0.5 - middle) / width) for j in range(old)]
        want = sum(w * v for w, v in zip(weights, x, strict=True)) / sum(weights)
        assert got == pytest.approx(want)


@pytest.mark.parametrize(("name", "a"), [("bicubic", -0.75), ("bicubic-antialiased", -0.5)])
def test_cubic_interpolation_by_its_formula(name, a):
    """Between samples far from the edges: four neighbours, with Keys' kernel."""
    x, got = draw((9,)), WAYS[name](9, 18) @ draw((9,))
    for i in range(6, 12):
        place = (i + 0.5) / 2 - 0.5
        first, t = math.floor(place), place - math.floor(place)
        near = [
            (a + 2) * s**3 - (a + 3) * s**2 + 1 if s < 1 else a * (s**3 - 5 * s**2 + 8 * s - 4)
            for s in (1 + t, t, 1 - t, 2 - t)
        ]
        want = sum(w * v for w, v in zip(near, x[first - 1 : first + 3], strict=True))
        assert got[i] == pytest.approx(want)


def test_where_the_grid_shrinks_a_cubic_reaches_over_more_samples():
    x, step = draw((24,)), 3
    got = WAYS["bicubic-antialiased"](24, 8) @ x
    for i in range(2, 6):
        middle = (i + 0.5) * step
        total = weights = 0.0
        for j in range(24):
            s = abs(j + 0.5 - middle) / step
            w = 1.5 * s**3 - 2.5 * s**2 + 1 if s < 1 else -0.5 * (s**3 - 5 * s**2 + 8 * s - 4)
            w *= s < 2
            total, weights = total + w * x[j], weights + w
        assert got[i] == pytest.approx(total / weights)


@sizes
def test_scipy_zooms_with_aligned_corners(old, new):
    ndimage = pytest.importorskip("scipy.ndimage", reason="SciPy is the oracle")
    x, other = draw((old, 5)), 9
    want = ndimage.zoom(x, (new / old, other / 5), order=1)
    assert want.shape == (new, other)
    close(bilinear_corners(old, new) @ x @ bilinear_corners(5, other).T, want)


@sizes
@pytest.mark.parametrize("name", ["bilinear", "bicubic-antialiased"])
def test_pillow_resizes_so(name, old, new):
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is the oracle")
    kinds = {"bilinear": "BILINEAR", "bicubic-antialiased": "BICUBIC"}
    x = draw((old, 5), dtype=np.float32)
    want = pillow.fromarray(x).resize((9, new), pillow.Resampling[kinds[name]])
    way = WAYS[name]
    close(way(old, new) @ x @ way(5, 9).T, np.asarray(want), rtol=1e-5, atol=1e-5)


@sizes
@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("bilinear-corners", {"mode": "bilinear", "align_corners": True}),
        ("bilinear", {"mode": "bilinear", "antialias": True}),
        ("bicubic", {"mode": "bicubic"}),
        ("bicubic-antialiased", {"mode": "bicubic", "antialias": True}),
    ],
)
def test_pytorch_interpolates_so(name, how, old, new):
    torch = pytest.importorskip("torch", reason="PyTorch is the optional oracle")
    x = draw((2, old, 5))
    want = torch.nn.functional.interpolate(torch.tensor(x)[None], size=(new, 9), **how)[0].numpy()
    matrix = grid_matrix(WAYS[name], (old, 5), (new, 9))
    got = (matrix @ x.reshape(2, -1).T).T.reshape(2, new, 9)
    close(got, want, rtol=1e-6, atol=1e-6)


def test_bicubic_stays_within_the_grid():
    """A sample beyond an edge is the one at the edge, so equal samples stay equal."""
    close(bicubic(3, 11) @ np.full(3, 2.0), 2.0)
    close(bicubic(4, 8)[0], [1.10546875, -0.10546875, 0, 0])


def by_loops(way, x, old, new):
    """x (rows * columns, D), each axis by its own matrix."""
    down, across = way(old[0], new[0]), way(old[1], new[1])
    y = np.zeros((*new, x.shape[1]))
    for i, j in np.ndindex(new):
        for r, s in np.ndindex(old):
            y[i, j] += down[i, r] * across[j, s] * x[r * old[1] + s]
    return y.reshape(-1, x.shape[1])


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("prefix", [0, 1])
def test_positions_of_another_grid(xp, name, prefix):
    old, new = (2, 3), (4, 2)
    layer = ResampledPositions(prefix + 6, D, old, new, prefix, name)
    params, x = redrawn(layer), draw((B, prefix + 8, D))
    want = by_loops(WAYS[name], params["pos"][prefix:], old, new)
    want = np.concatenate([params["pos"][:prefix], want])
    close(run(layer, params, x, xp), x + want)
    dy = draw(x.shape, seed=4)
    _, grads = layer.backward(to_device(dy, xp), None)
    total = dy.sum(axis=0)
    for token in range(prefix + 6):  # how much each new position has of it
        one = np.zeros_like(params["pos"])
        one[token] = 1
        share = by_loops(WAYS[name], one[prefix:], old, new)
        share = np.concatenate([one[:prefix], share])
        close(to_host(grads["pos"])[token], (share * total).sum(axis=0))


def test_tokens_that_are_on_no_grid_stay():
    matrix = grid_matrix(bilinear, (2, 2), (3, 3), prefix=1, suffix=3)
    assert matrix.shape == (13, 8)
    for new, old in ((0, 0), (10, 5), (11, 6), (12, 7)):
        assert matrix[new, old] == 1
        assert np.count_nonzero(matrix[new]) == np.count_nonzero(matrix[:, old]) == 1
