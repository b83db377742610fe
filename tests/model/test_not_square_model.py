"""Images and patches that are not square: the model, files, figures, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from cases import KEY, B, draw, redrawn

import minivit
from minivit import Config, ConfigError, CrossEntropy, Trained, ViT, gradcheck, tree
from minivit.config import POSITIONS
from minivit.costs import layer_costs, parameters
from minivit.objective import Classification

SIZES = {"dim": 8, "depth": 1, "heads": 2, "mlp_dim": 8, "classes": 3}
CONFIG = Config(image_size=(6, 8), patch_size=(2, 4), **SIZES)


def test_a_pair_is_height_and_width():
    assert CONFIG.image_shape == (6, 8, 3) and CONFIG.patch_shape == (2, 4)
    assert CONFIG.grid == (3, 2) and CONFIG.tokens == 7 and CONFIG.patch_dim == 24
    overlapping = replace(CONFIG, patch_overlap=1)
    assert overlapping.patch_dim == 4 * 6 * 3
    assert Config(stem="small", image_size=(32, 64), patch_size=(4, 8)).patch_dim == 2 * 96


def test_one_number_stays_one_number():
    """So files and comparisons are as they were before there were pairs."""
    assert Config(image_size=(32, 32), patch_size=[4, 4]) == Config()
    assert Config().to_dict()["image_size"] == 32 and type(Config().image_size) is int
    read = Config.from_dict({"image_size": [48, 32]})  # as JSON has it
    assert read.image_size == (48, 32) and hash(read)
    assert Config.from_dict(read.to_dict()) == read


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"image_size": (48, 30)}, "patch_size must divide image_size: 30 is not a multiple of 4"),
        ({"patch_size": (4, 5)}, "patch_size must divide image_size: 32 is not a multiple of 5"),
        ({"image_size": (48, 0)}, "image_size must be a whole number of at least 1"),
        ({"image_size": (48, 32, 3)}, "image_size must be a whole number"),
        ({"image_size": (48, True)}, "image_size must be a whole number"),
        ({"image_size": ([], [])}, "image_size must be a whole number"),
        ({"image_size": (2**70, 4)}, "image_size must be a whole number of at most 1000000"),
        ({"depth": (6, 6)}, "depth must be a whole number"),
        ({"patch_overlap": 8, "image_size": (8, 16)}, "patch_overlap must be below image_size 8"),
        ({"stem": "small", "patch_size": (4, 6)}, "patch_size must be a multiple of 4"),
    ],
)
def test_pairs_that_cannot_be(values, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Config(**values)


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("overlap", [0, 1])
def test_the_gradients_of_the_whole_model(position, overlap):
    model = ViT(replace(CONFIG, position=position, patch_overlap=overlap, init="mimetic"))
    model.init(np.random.default_rng(0))  # the mimetic start fits
    params, images = redrawn(model), draw((B, 6, 8, 3))
    checks = gradcheck.check_model(model, CrossEntropy(), params, images, np.arange(B) % 3, KEY)
    assert all(check.error <= gradcheck.MODEL_TOLERANCE for check in checks)


def test_a_turned_image_in_a_turned_model_gives_the_same():
    """Rows and columns exchanged everywhere: in the image, the patches, weights and positions."""
    model, turned = ViT(CONFIG), ViT(replace(CONFIG, image_size=(8, 6), patch_size=(4, 2)))
    params, images = redrawn(model), draw((B, 6, 8, 3))
    other = tree.map(np.copy, params)
    w = params["patch"]["w"].reshape(2, 4, 3, 8)
    other["patch"]["w"] = w.swapaxes(0, 1).reshape(24, 8)
    pos = params["position"]["pos"][1:].reshape(3, 2, 8)
    other["position"]["pos"][1:] = pos.swapaxes(0, 1).reshape(6, 8)
    want = model.predict(params, images)
    np.testing.assert_allclose(turned.predict(other, images.swapaxes(1, 2)), want, rtol=1e-10)


def test_costs_follow_the_sizes():
    shapes = {cost.name: cost.shape for cost in layer_costs(CONFIG)}
    assert shapes["patchify"] == (6, 24) and shapes["class_token"] == (7, 8)
    assert parameters(CONFIG) == sum(leaf.size for _, leaf in tree.walk(ViT(CONFIG).init(None)))


def trained(config=CONFIG):
    params = tree.map(np.float32, ViT(config).init(np.random.default_rng(0)))
    params["head"]["w"] += np.float32(0.1)
    half = np.full(3, 0.5, np.float32)
    return Trained(config, params, ("a", "b", "c"), half, half, Classification(3))


def test_a_model_file_keeps_them(tmp_path):
    model = trained()
    model.save(tmp_path / "model.npz")
    again = minivit.load(tmp_path / "model.npz")
    assert again.config == CONFIG
    images = np.random.default_rng(0).integers(0, 256, (2, 6, 8, 3), np.uint8)
    assert (again.predict(images) == model.predict(images)).all()
    assert model.attention(images).shape == (2, 1, 2, 7, 7)
    with pytest.raises(ConfigError, match=r"takes images \(B, 6, 8, 3\); got \(2, 8, 6, 3\)"):
        model.predict(images.swapaxes(1, 2))


@pytest.mark.parametrize("name", ["vit.npz", "model.safetensors", "directory/"])
@pytest.mark.parametrize("sizes", [{"image_size": 8}, {"patch_size": (2, 2), "image_size": (6, 8)}])
def test_other_formats_hold_square_ones_only(tmp_path, name, sizes):
    from minivit.pretrained.export import export

    if not name.endswith("npz"):
        pytest.importorskip("safetensors")
    with pytest.raises(ConfigError, match="cannot hold images or patches that are not square"):
        export(trained(replace(CONFIG, **sizes)), f"{tmp_path}/{name}")
    assert list(tmp_path.iterdir()) == []
