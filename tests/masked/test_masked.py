"""Masked patches: what is hidden, what is predicted, and its gradients, against slow plain code."""

import numpy as np
import pytest
from cases import KEY, close, draw, redrawn

from minivit import Config, ConfigError, Key, gradcheck
from minivit.arrays import tree
from minivit.arrays.backend import to_device, to_host
from minivit.costs import parameters
from minivit.masked import CorruptPatches, MaskedConfig, MaskedViT, PickPatches
from minivit.masked.colours import colours, pixels
from minivit.masked.config import TARGETS
from minivit.masked.objective import objective_of
from minivit.masked.pick import corrupted
from minivit.vit import ViT

SIZES = {"image_size": 8, "patch_size": 4, "dim": 6, "depth": 1, "heads": 2, "mlp_dim": 7}


def bytes_of(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("share, count", [(0.5, 8), (0.15, 2), (0.001, 1), (1.0, 16)])
def test_as_many_patches_of_every_image_are_corrupted(share, count):
    chosen = corrupted(KEY, 5, 16, share)
    assert chosen.shape == (5, count) and (np.diff(chosen, axis=1) > 0).all()
    assert chosen.min() >= 0 and chosen.max() < 16
    later = corrupted(Key(KEY.seed, KEY.step, KEY.first + 3), 2, 16, share)
    np.testing.assert_array_equal(later, chosen[3:])  # however the batch is cut
    if count == 8:
        assert len({tuple(row) for row in chosen}) == 5


def test_four_fifths_are_masked_and_a_tenth_shows_another_patch():
    layer, b, n = CorruptPatches(1, 0.5), 500, 64
    source, masked = layer.sources(KEY, b, n)
    chosen = np.zeros((b, n), bool)
    chosen[np.arange(b)[:, None], corrupted(KEY, b, n, 0.5)] = True
    other = source != np.arange(n)
    assert chosen.sum() == b * n // 2 and not ((masked | other) & ~chosen).any()
    assert not (masked & other).any()
    assert masked.sum() / chosen.sum() == pytest.approx(0.8, abs=0.01)
    assert other.sum() / chosen.sum() == pytest.approx(0.1, abs=0.01)
    steps = (source - np.arange(n))[other] % n
    assert set(steps) == set(range(1, n))  # every other patch, alike
    two = layer.sources(KEY, 2000, 2)[0] != np.arange(2)  # there is one other, never itself
    assert two.sum() == pytest.approx(0.1 * 2000, rel=0.2)
    assert np.bincount(steps)[1:].max() < 3 * np.bincount(steps)[1:].mean()


@pytest.mark.parametrize("key", [KEY, None])
def test_corruption_is_a_loop_over_patches(xp, key):
    layer, x = CorruptPatches(4, 0.8), draw((12, 9, 4))
    params = redrawn(layer)
    source, masked = layer.sources(key, 12, 9)
    y, _ = layer.forward(tree.map(lambda p: to_device(p, xp), params), to_device(x, xp), key)
    for b, i in np.ndindex(12, 9):
        want = params["mask"] if masked[b, i] else x[b, source[b, i]]
        close(to_host(y)[b, i], want)
    assert masked.any() and (source != np.arange(9)).any()


def test_the_tokens_that_are_picked_are_those_that_were_corrupted(xp):
    x = draw((3, 10, 4))
    y, _ = PickPatches(0.5, 1).forward({}, to_device(x, xp), KEY)
    chosen = corrupted(KEY, 3, 9, 0.5)
    for b, i in np.ndindex(chosen.shape):
        close(to_host(y)[b, i], x[b, 1 + chosen[b, i]])


@pytest.mark.parametrize("cells, channels", [(1, 3), (4, 3), (2, 1)])
def test_colours_are_a_loop_over_cells(xp, cells, channels):
    images = bytes_of((2, 16, 16, channels))
    found = to_host(colours(to_device(images, xp), (8, 16), cells))
    assert found.shape == (2, 2, cells**2)
    height, width = 8 // cells, 16 // cells
    for b, n, r, c in np.ndindex(2, 2, cells, cells):
        top, left = n * 8 + r * height, c * width
        cell = images[b, top : top + height, left : left + width].astype(float)
        levels = [int(cell[..., k].mean() // 32) for k in range(channels)]
        number = 0
        for level in levels:
            number = 8 * number + level
        assert found[b, n, r * cells + c] == number


def test_levels_end_where_they_should():
    for value, level in [(0, 0), (31, 0), (32, 1), (255, 7)]:
        image = np.full((1, 4, 4, 3), value, np.uint8)
        assert colours(image, (4, 4)).item() == level * (64 + 8 + 1)
    image = np.full((1, 4, 4, 3), 32, np.uint8)
    image[0, 0, 0] = [31, 32, 32]  # the mean of red is just below
    assert colours(image, (4, 4)).item() == 8 + 1


def test_pixels_are_those_of_the_patch():
    images = bytes_of((2, 8, 8, 3))
    found = pixels(images, (2, 4))
    assert found.dtype == np.float32 and found.shape == (2, 8, 24)
    close(found[1, 5].reshape(2, 4, 3), images[1, 4:6, 4:] / 255, atol=1e-7)


class Loss:
    """An objective as the checker wants a loss. It is also right for a share of the batch."""

    def __init__(self, objective):
        self.objective = objective

    def forward(self, prediction, targets):
        dvalues, sums = self.objective.train(prediction, targets, 0.5)
        loss = self.objective.values(sums, len(targets))[self.objective.metrics[0].name]
        return 0.5 * float(loss), dvalues

    def backward(self, dloss, cache):
        return dloss * cache


@pytest.mark.parametrize("key", [KEY, None], ids=["training", "evaluation"])
@pytest.mark.parametrize("target", TARGETS)
def test_gradients_of_the_whole_model(target, key):
    pool = "class" if target == "colour" else "mean"
    sizes = {**SIZES, "patch_size": 4 if target == "colours" else (2, 4)}
    config = MaskedConfig(**sizes, mask_target=target, channels=1, pool=pool, dropout=0.2)
    model, objective = MaskedViT(config), objective_of(config)
    params = tree.map(lambda p: 0.5 * p, redrawn(model))
    images = bytes_of((3, 8, 8, 1))
    targets = objective.targets_in(images)
    checks = gradcheck.check_model(model, Loss(objective), params, draw((3, 8, 8, 1)), targets, key)
    assert [check.leaf for check in checks] == ["images", *dict(tree.walk(params))]
    assert max(check.error for check in checks) <= gradcheck.MODEL_TOLERANCE


def test_only_corrupted_patches_are_predicted_and_judged():
    """Another colour of a patch that is not predicted changes nothing."""
    config = MaskedConfig(**SIZES, classes=3)
    model, objective = MaskedViT(config), objective_of(config)
    params, images = redrawn(model), bytes_of((2, 8, 8, 3))
    prediction, _ = model.forward(params, images / 255, KEY)
    chosen = corrupted(KEY.at("mask"), 2, 4, 0.5)
    np.testing.assert_array_equal(prediction.patches, chosen)
    assert prediction.values.shape == (2, 2, 512) and len(prediction) == 2
    targets = objective.targets_in(images)
    sums = objective.evaluate(prediction, targets)
    spared = targets.copy()
    for b in range(2):
        spared[b, np.setdiff1d(np.arange(4), chosen[b])] = 0
    assert objective.evaluate(prediction, spared) == sums
    spared[0, chosen[0, 0]] = (spared[0, chosen[0, 0]] + 1) % 512
    assert objective.evaluate(prediction, spared) != sums


def test_a_model_that_knows_nothing_has_the_loss_of_equal_colours():
    config = MaskedConfig(**SIZES)
    model, images = MaskedViT(config), bytes_of((2, 8, 8, 3))
    params, objective = model.init(np.random.default_rng(0)), objective_of(config)
    sums = objective.evaluate(model.predict(params, images / 255), objective.targets_in(images))
    assert objective.values(sums, 2)["loss"] == pytest.approx(np.log(512))


def test_accuracy_is_of_all_cells():
    objective = objective_of(MaskedConfig(**SIZES, mask_target="colours"))
    assert objective.values({"loss": 0.0, "correct": 3 * 2 * 16}, 3)["accuracy"] == 1


def test_the_encoder_has_the_names_of_a_classifiers():
    config = MaskedConfig(**SIZES, head_hidden=5)
    ours, theirs = (
        dict(tree.walk(m.init(None))) for m in (MaskedViT(config), ViT(Config(**SIZES)))
    )
    assert {n for n in ours if not n.startswith(("mask", "head"))} <= theirs.keys()
    assert set(ours) - set(theirs) == {"mask.mask"} and ours["head.w"].shape == (6, 512)
    parts = list(MaskedViT(config).parts)
    assert parts[:4] == ["patchify", "patch", "mask", "class_token"]
    assert parameters(config) == sum(leaf.size for leaf in ours.values())
    assert config.classifier() == Config(**SIZES, head_hidden=5)


@pytest.mark.parametrize(
    "sizes, words",
    [
        ({"patch_dropout": 0.5}, "set patch_dropout to 0, and in a recipe early_drop"),
        ({"pool": "sequence"}, "set pool to mean or class"),
        ({"channels": 4}, "at most 3 channels; got 4"),
        ({"mask_target": "colours", "patch_size": 2}, "patch_size must be a multiple of 4; got 2"),
        ({"mask_target": "hue"}, "unknown mask_target 'hue'"),
        ({"mask_share": 0.0}, "mask_share must be a finite number above 0"),
    ],
)
def test_what_makes_no_sense_is_refused(sizes, words):
    with pytest.raises(ConfigError, match=words):
        MaskedConfig(**{**SIZES, **sizes})
