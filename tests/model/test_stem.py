"""Hybrids: the whole model with a stem; its sizes, its gradients, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from cases import B, draw, redrawn

from minivit import Config, ConfigError, CrossEntropy, ViT, gradcheck
from minivit.arrays import tree
from minivit.config import HYBRIDS, POOLS, POSITIONS
from minivit.convolution import STEMS, stem
from minivit.convolution.stems import resnet_stem
from minivit.costs import layer_costs, macs, parameters
from minivit.start.whitening import first_weights, whitening
from minivit.training.presets import PRESETS

SIZES = {"image_size": 16, "dim": 8, "depth": 1, "heads": 2, "mlp_dim": 12, "classes": 3}


def hybrid(**changes):
    """A very small ViT behind the small stem: 16 patches, 1 x 1 cuts of its map."""
    return ViT(Config(**{**SIZES, "stem": "small", **changes}))


@pytest.mark.parametrize(
    "name, count",  # timm's vit_base_r50_s16_224, vit_small_r26_s32_224, vit_large_r50_s32_224
    [("R50+B/16", 98_659_112), ("R26+S/32", 36_431_912), ("R50+L/32", 328_994_856)],
)
def test_parameters_of_the_published_hybrids(name, count):
    c = Config.variant(name)
    assert parameters(c) == count and c.patches == (224 // c.patch_size) ** 2
    assert name in HYBRIDS and c.stem == f"{name[:3]}/{c.patch_size}"
    leaves = [leaf for _, leaf in tree.walk(ViT(c).init(None))]
    assert all(set(leaf.strides) == {0} for leaf in leaves)


@pytest.mark.parametrize("name", ["R50+B/32x", "R26+B/16", "R18+B/16", "+B/16", "R50+/16"])
def test_other_hybrids_are_refused_with_the_names_of_those_there_are(name):
    with pytest.raises(ConfigError, match="unknown variant") as error:
        Config.variant(name)
    assert "R50+B/16" in str(error.value)


@pytest.mark.parametrize("name", STEMS)
def test_a_stem_is_what_is_said_of_it(name):
    """Its stride and its channels decide the sizes of all that follows."""
    known = STEMS[name]
    if known.units:  # the same with narrow layers: it is the strides and the ratio that count
        made = resnet_stem(3, known.units, root=2, groups=2)
        known = replace(known, channels=known.channels // 32)
    else:
        made = stem(name, 3)
    params = made.init(np.random.default_rng(0))
    side = 2 * known.stride
    y, _ = made.forward(params, draw((1, side, side, 3)))
    assert y.shape == (1, 2, 2, known.channels)


@pytest.mark.parametrize("pool", POOLS)
def test_whole_hybrid(xp, pool):
    rates = {"dropout": 0.2, "drop_path": 0.5, "patch_dropout": 0.4}
    model = hybrid(pool=pool, image_size=8, **rates)
    params = tree.map(lambda p: 0.5 * p, redrawn(model, xp))
    images, labels = draw((B, 8, 8, 3), xp), xp.asarray(np.arange(B) % 3)
    checks = gradcheck.check_model(model, CrossEntropy(0.1), params, images, labels)
    assert [check.leaf for check in checks] == ["images", *dict(tree.walk(params))]
    wrong = [check for check in checks if not check.error <= gradcheck.MODEL_TOLERANCE]
    assert not wrong


@pytest.mark.parametrize("position", POSITIONS[1:])
def test_every_kind_of_position_behind_a_stem(position):
    """They are of the patches' grid, which is that of the map's cuts."""
    model = hybrid(position=position, image_size=8)
    params = tree.map(lambda p: 0.5 * p, redrawn(model))
    images, labels = draw((2, 8, 8, 3)), np.arange(2)
    checks = gradcheck.check_model(model, CrossEntropy(), params, images, labels)
    assert max(check.error for check in checks) <= gradcheck.MODEL_TOLERANCE
    assert model.config.grid == (2, 2)


def test_patches_are_cuts_of_the_map():
    """Of 4 pixels 1 x 1, of 8 pixels 2 x 2; the stem before them is the same."""
    one, two = hybrid(), hybrid(patch_size=8)
    assert (one.config.patches, one.config.patch_dim) == (16, 96)
    assert (two.config.patches, two.config.patch_dim) == (4, 4 * 96)
    params, images = redrawn(one), draw((2, 16, 16, 3))
    made, _ = one.parts["stem"].forward(params["stem"], images)
    cut, _ = two.parts["patchify"].forward({}, made)
    np.testing.assert_array_equal(cut[0, 1], made[0, :2, 2:4].reshape(-1))


@pytest.mark.parametrize(
    "sizes, words",
    [
        ({"stem": "smal"}, ("stem", "'smal'", "did you mean 'small'", "R50/16")),
        ({"stem": "small", "patch_size": 2}, ("patch_size", "multiple of 4", "small", "got 2")),
        ({"stem": "small", "patch_size": 6}, ("patch_size", "multiple of 4", "got 6")),
        ({"stem": "R50/16", "patch_size": 4}, ("patch_size", "multiple of 16", "R50/16")),
        ({"stem": "R26/32", "patch_size": 32, "image_size": 48}, ("image_size", "48", "32")),
        ({"stem": "small", "image_size": 18}, ("image_size", "18", "patch_size", "4")),
        ({"stem": "small", "patch_overlap": 2}, ("patch_overlap must be 0", "small", "got 2")),
    ],
)
def test_stems_that_do_not_fit_are_refused_in_one_sentence(sizes, words):
    with pytest.raises(ConfigError) as error:
        Config(**{**SIZES, **sizes})
    assert all(word in str(error.value) for word in words) and "\n" not in str(error.value)


def test_costs_of_the_small_stem():
    c = Config(stem="small")
    (cost,) = (cost for cost in layer_costs(c) if cost.name == "stem")
    products = 16 * 16 * 27 * 48 + 8 * 8 * 9 * 48 * 96
    assert cost.macs == products and cost.shape == (8, 8, 96)
    assert cost.parameters == 27 * 48 + 48 + 9 * 48 * 96 + 96 + 2 * (48 + 96)
    assert [part.name for part in cost.parts] == ["conv1", "norm1", "gelu1", "conv2", "norm2"]
    assert sum(part.macs for part in cost.parts) == products
    plain = replace(c, stem="none")
    assert macs(c) - macs(plain) == products + 64 * (96 - 48) * c.dim


def test_the_whitening_is_of_the_first_convolution():
    model, images = hybrid(), draw((40, 16, 16, 3))
    name, w = first_weights(model, images)
    rows = model.parts["stem"].layers[0][1].windows(images)
    assert name == "stem.conv1.w" and rows.shape == (40 * 64, 27)
    np.testing.assert_array_equal(w, whitening(rows, 48))
    y = rows @ w[:, :12]
    assert np.allclose(y.std(axis=0), 1, rtol=0.05)


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_hybrid_presets_are_of_nearly_the_same_cost(name):
    ours, theirs = (Config(**PRESETS[n].model) for n in (name, f"hybrid-{name}"))
    assert theirs.stem == "small-3" and theirs.tokens == ours.tokens
    assert 0.95 < macs(theirs) / macs(ours) < 1.1
    recipe = PRESETS[name].recipe | {"early_size": 24}  # the stem gains from smaller images, too
    if recipe.pop("early_drop", 0):
        recipe |= {"weight_decay": 0.2}
    assert PRESETS[f"hybrid-{name}"].recipe == recipe
