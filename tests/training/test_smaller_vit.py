"""SmallerViT: images and positions made smaller, gradients at full size."""

import numpy as np
import pytest
from cases import KEY, B, close, draw, redrawn, tiny

from minivit import ConfigError, CrossEntropy, gradcheck
from minivit.arrays import tree
from minivit.arrays.backend import to_device, to_host
from minivit.arrays.interpolation import bilinear
from minivit.config import POOLS
from minivit.training.early_steps import SmallerViT, resized


def smaller(size=4, **changes):
    return SmallerViT(tiny(**changes).config, size)


def expected(x, new):
    """`new` samples of x, each a mean under a triangle that reaches one new sample either way."""
    step, samples = len(x) / new, []
    for i in range(new):
        middle = (i + 0.5) * step
        weights = [max(0, 1 - abs(j + 0.5 - middle) / step) for j in range(len(x))]
        samples.append(sum(w * v for w, v in zip(weights, x, strict=True)) / sum(weights))
    return samples


@pytest.mark.parametrize("old, new", [(32, 24), (32, 16), (8, 6), (3, 2), (7, 1), (5, 5)])
def test_samples_are_means_under_triangles(old, new):
    x = draw((old,))
    close(bilinear(old, new) @ x, expected(x, new))


def test_what_lies_between_is_interpolated_and_a_slope_stays_a_slope():
    close(bilinear(4, 8) @ [0, 1, 2, 3], [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])
    close(np.diff(bilinear(32, 16) @ np.arange(32.0))[1:-1], 2)


def test_images_are_what_pillow_makes_of_them():
    pillow = pytest.importorskip("PIL.Image", reason="needs Pillow: pip install pillow")
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    small = pillow.fromarray(image).resize((24, 24), pillow.Resampling.BILINEAR)
    got = resized(image[None].astype(float), bilinear(32, 24))[0]
    assert abs(got - np.asarray(small)).max() <= 1.01  # Pillow rounds rows, then columns


def test_rows_and_columns_are_kept_apart(xp):
    """Each axis by itself, each channel for itself."""
    x, a = draw((B, 6, 6, 3)), bilinear(6, 4)
    want = np.einsum("sh,bhwc,tw->bstc", a, x, a)
    close(to_host(resized(to_device(x, xp), to_device(a, xp))), want)


def test_other_positions_than_learned_ones_are_not_interpolated():
    with pytest.raises(ConfigError, match="early_size interpolates learned positions, and these a"):
        smaller(position="sincos-2d")


@pytest.mark.parametrize("pool", POOLS)
def test_gradients(xp, pool):
    model = smaller(pool=pool, dropout=0.2, drop_path=0.5)
    params = redrawn(tiny(pool=pool), xp)
    images, labels = draw((B, 6, 6, 3), xp), to_device(np.arange(B), xp)
    checks = gradcheck.check_model(model, CrossEntropy(0.1), params, images, labels, KEY)
    assert [check.leaf for check in checks] == ["images", *dict(tree.walk(params))]
    wrong = [check for check in checks if not check.error <= gradcheck.MODEL_TOLERANCE]
    assert not wrong, f"wrong gradients: {wrong}"


@pytest.mark.parametrize("pool", POOLS)
def test_at_the_full_size_it_is_the_model_itself(pool):
    model = tiny(pool=pool)
    params, images = redrawn(model), draw((B, 6, 6, 3))
    want, _ = model.forward(params, images)
    close(smaller(6, pool=pool).forward(params, images)[0], want)


@pytest.mark.parametrize("pool", ["class", "mean"])
def test_it_is_the_small_model_on_small_images_with_positions_between(pool):
    model = tiny(pool=pool)
    params, images = redrawn(model), draw((B, 6, 6, 3))
    a, pos = bilinear(6, 4), params["position"]["pos"]
    spare = int(pool == "class")
    grid = np.einsum("ij,kl,jld->ikd", *[bilinear(3, 2)] * 2, pos[spare:].reshape(3, 3, 8))
    between = np.concatenate([pos[:spare], grid.reshape(4, 8)])
    small = np.einsum("sh,bhwc,tw->bstc", a, images, a)
    params_there = {**params, "position": {"pos": between}}
    want, _ = tiny(pool=pool, image_size=4).forward(params_there, small)
    close(smaller(pool=pool).forward(params, images)[0], want)


def test_float32_stays_float32(xp):
    params = redrawn(tiny(), xp, dtype=np.float32)
    logits, cache = smaller().forward(params, draw((B, 6, 6, 3), xp, dtype=np.float32))
    dx, grads = smaller().backward(logits, cache)
    assert {logits.dtype, dx.dtype, *(g.dtype for _, g in tree.walk(grads))} == {
        np.dtype(np.float32)
    }


@pytest.mark.parametrize("size", [3, 8, -2])
def test_sizes_that_cannot_be(size):
    with pytest.raises(ConfigError, match=f"early_size.*multiple of patch_size 2.*6; got {size}"):
        smaller(size)
