"""A trained model at another image size: each kind of positions, by loops."""

from dataclasses import replace

import numpy as np
import pytest
from cases import draw, redrawn

from minivit import Config, ConfigError, Trained, ViT, tree
from minivit.arrays.interpolation import WAYS
from minivit.config import POSITIONS
from minivit.layers.relative import offset_tables
from minivit.objective import Classification
from minivit.resolution import at_size, of_trained

SIZES = {"dim": 8, "depth": 2, "heads": 2, "mlp_dim": 8, "classes": 3}
CONFIG = Config(image_size=(6, 8), patch_size=2, **SIZES)  # 3 x 4 patches


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("pool", ["class", "mean"])
def test_the_new_model_fits_its_parameters(position, pool):
    config = replace(CONFIG, position=position, pool=pool)
    params = redrawn(ViT(config))
    other, made, words = at_size(config, params, (10, 6))
    assert other == replace(config, image_size=(10, 6)) and words.startswith("3 x 4 to 5 x 3 patch")
    shapes = {name: leaf.shape for name, leaf in tree.walk(ViT(other).init(None))}
    assert {name: leaf.shape for name, leaf in tree.walk(made)} == shapes
    assert np.isfinite(ViT(other).predict(made, draw((2, 10, 6, 3)))).all()
    changed = {name for name, leaf in tree.walk(made) if leaf is not dict(tree.walk(params))[name]}
    wanted = {
        "learned": {"position.pos"},
        "learned-2d": {"position.row", "position.column"},
        "relative": {"block0.attn.bias", "block1.attn.bias"},
        "every-block": {"position.pos", "position1.pos"},
        "every-block-shared": {"position.pos"},
    }
    assert changed == wanted.get(position, set())


@pytest.mark.parametrize("position", POSITIONS)
def test_at_its_own_size_it_is_the_model_itself(position):
    config = replace(CONFIG, position=position)
    params = redrawn(ViT(config))
    assert at_size(config, params, (6, 8)) == (config, params, "")


@pytest.mark.parametrize("way", WAYS)
def test_learned_positions_by_loops(way):
    params = redrawn(ViT(CONFIG))
    _, made, words = at_size(CONFIG, params, (4, 12), way)
    old, new = params["position"]["pos"], made["position"]["pos"]
    assert (new[0] == old[0]).all() and words.endswith(f"positions {way}")
    down, across = WAYS[way](3, 2), WAYS[way](4, 6)
    for i, j in np.ndindex(2, 6):
        want = np.zeros(8)
        for r, s in np.ndindex(3, 4):
            want += down[i, r] * across[j, s] * old[1 + 4 * r + s]
        np.testing.assert_allclose(new[1 + 6 * i + j], want, rtol=1e-12)


def test_vectors_of_rows_and_columns_by_loops():
    config = replace(CONFIG, position="learned-2d")
    params = redrawn(ViT(config))
    _, made, _ = at_size(config, params, (4, 12))
    for name, old, new in (("row", 3, 2), ("column", 4, 6)):
        for k in range(4):
            places, x = np.linspace(0, old - 1, new), params["position"][name][:, k]
            want = np.interp(places, np.arange(old), x)
            np.testing.assert_allclose(made["position"][name][:, k], want)


@pytest.mark.parametrize("pool", ["class", "mean"])
def test_the_biases_of_offsets_by_loops(pool):
    """The largest offset stays the largest, none stays none, the class token's three stay."""
    config = replace(CONFIG, position="relative", pool=pool)
    params = redrawn(ViT(config))
    other, made, _ = at_size(config, params, (10, 12))  # 5 x 6 patches
    old, new = (p["block1"]["attn"]["bias"] for p in (params, made))
    old_table, new_table = old[:, : 5 * 7].reshape(2, 5, 7), new[:, : 9 * 11].reshape(2, 9, 11)
    for h, i, j in np.ndindex(2, 9, 11):
        down, across = i * 4 / 8, j * 6 / 10
        want = 0.0
        for r, s in np.ndindex(5, 7):
            want += max(0, 1 - abs(down - r)) * max(0, 1 - abs(across - s)) * old_table[h, r, s]
        assert new_table[h, i, j] == pytest.approx(want)
    assert (new_table[:, 4, 5] == old_table[:, 2, 3]).all()
    assert (new[:, 9 * 11 :] == old[:, 5 * 7 :]).all()
    index, _ = offset_tables(*other.grid, other.prefix_tokens)
    assert index.max() == new.shape[1] - 1


def test_equal_positions_stay_equal_and_float32_stays_float32():
    params = tree.map(lambda leaf: np.full(leaf.shape, 2, np.float32), ViT(CONFIG).init(None))
    for way in WAYS:
        pos = at_size(CONFIG, params, (12, 4), way)[1]["position"]["pos"]
        assert pos.dtype == np.float32 and pos.flags.c_contiguous
        np.testing.assert_allclose(pos, 2, rtol=1e-6)


def test_a_trained_model_says_where_it_comes_from():
    params = tree.map(np.float32, redrawn(ViT(CONFIG)))
    half, about = np.full(3, 0.5, np.float32), {"test": {"accuracy": 0.5}, "preset": "tiny"}
    trained = Trained(CONFIG, params, (), half, half, Classification(3), about)
    other, words = of_trained(trained, 12)
    assert words and other.about == {"preset": "tiny", "resized_from": (6, 8)}
    assert other.predict(np.zeros((1, 12, 12, 3), np.uint8)).shape == (1, 3)
    again, _ = of_trained(other, (6, 8))
    assert again.about["resized_from"] == (6, 8)


def test_what_cannot_be():
    params = redrawn(ViT(CONFIG))
    sentence = "image_size 7 is no multiple of the model's patches of 2 pixels; 6 or 8 would be"
    with pytest.raises(ConfigError, match=sentence):
        at_size(CONFIG, params, 7)
    with pytest.raises(ConfigError, match="unknown interpolation 'cubic'; did you mean 'bicubic'"):
        at_size(CONFIG, params, 8, "cubic")
