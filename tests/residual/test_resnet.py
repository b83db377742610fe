"""Residual networks: known sizes, a slow plain forward, gradients."""

from dataclasses import replace

import numpy as np
import pytest
from cases import B, close, draw, redrawn

from minivit import ConfigError, CrossEntropy
from minivit.arrays import tree
from minivit.arrays.backend import to_device, to_host
from minivit.checking.directions import Directions
from minivit.checking.kinks import check_with_kinks
from minivit.costs import macs, parameters
from minivit.gradcheck import MODEL_TOLERANCE
from minivit.residual import BasicUnit, ResidualConfig, ResNet, Subsample

SMALL = ResidualConfig(image_size=8, classes=3, units=1, width=4, groups=2)


@pytest.mark.parametrize(
    "units, layers, count", [(3, 20, 269_722), (9, 56, 853_018), (18, 110, 1_727_962)]
)
def test_parameters_of_the_published_networks(units, layers, count):
    """He et al. 2016, table 6: 0.27 M, 0.85 M and 1.7 M."""
    config = ResidualConfig(units=units)
    assert (config.depth, parameters(config)) == (layers, count)
    leaves = dict(tree.walk(ResNet(config).init(None)))
    assert sum(leaf.size for leaf in leaves.values()) == count
    if units == 3:
        assert macs(config) == 40_551_040


def test_subsample_is_a_loop_over_pixels(xp):
    x = draw((2, 5, 6, 3))
    y, _ = Subsample(3, 4, 2).forward({}, to_device(x, xp))
    assert y.shape == (2, 3, 3, 4)
    for b, i, j, c in np.ndindex(y.shape):
        close(to_host(y)[b, i, j, c], x[b, 2 * i, 2 * j, c] if c < 3 else 0)


@pytest.mark.parametrize("stride, width", [(1, 4), (1, 6), (2, 8)])
def test_a_unit_without_its_branch_passes_its_shortcut(xp, stride, width):
    layer, x = BasicUnit(4, width, stride, groups=2), draw((2, 4, 4, 4))
    params = tree.map(lambda p: to_device(p, xp), layer.init(np.random.default_rng(0)))
    assert (to_host(params["branch"]["norm2"]["gamma"]) == 1).all()  # a new unit has it
    params["branch"]["norm2"]["gamma"][...] = 0.0
    y, _ = layer.forward(params, to_device(x, xp))
    want = np.zeros(y.shape)
    want[..., :4] = np.maximum(x[:, ::stride, ::stride], 0)
    close(to_host(y), want)


def plain_unit(unit, params, x):
    """The unit's equations, with the layers of the convolution room."""
    layers = dict(unit.branch.layers)
    h = x
    for name in ("conv1", "norm1", "relu1", "conv2", "norm2"):
        h = layers[name].forward(params["branch"].get(name, {}), h)[0]
    short = np.zeros(h.shape)
    short[..., : x.shape[-1]] = x[:, :: unit.stride, :: unit.stride]
    return np.maximum(h + short, 0)


def test_the_network_is_its_units_one_after_another():
    model, images = ResNet(SMALL), draw((2, 8, 8, 3))
    params = redrawn(model)
    x = model.parts["root"].forward(params["root"], images)[0]
    assert x.shape == (2, 8, 8, 4) and x.min() == 0
    for stage in ("stage1", "stage2", "stage3"):
        for name, unit in model.parts[stage].layers:
            x = plain_unit(unit, params[stage][name], x)
    assert x.shape == (2, 2, 2, 16)
    logits = x.mean(axis=(1, 2)) @ params["head"]["w"] + params["head"]["b"]
    close(model.predict(params, images), logits)


@pytest.mark.parametrize("unit", ["basic", "bottleneck"])
def test_gradients_of_the_whole_network(unit):
    """In directions: some lead over a kink of a ReLU, and are left out."""
    model = ResNet(replace(SMALL, unit=unit))
    params = tree.map(lambda p: 0.5 * p, redrawn(model))
    images, labels = draw((B, 8, 8, 3)), np.arange(B) % 3
    checks, kinks = check_with_kinks(Directions(model, CrossEntropy(0.1), params, images, labels))
    assert [check.leaf for check in checks] == ["images", *dict(tree.walk(params))]
    assert max(check.error for check in checks) <= MODEL_TOLERANCE
    assert sum(kink.left_out for kink in kinks) < len(checks) / 2


@pytest.mark.parametrize(
    "sizes, words",
    [
        ({"image_size": 30}, "image_size must be a multiple of 4.*got 30"),
        ({"groups": 3}, "groups must divide width: 4 is not a multiple of 3"),
        ({"unit": "bottelneck"}, "did you mean 'bottleneck'"),
        ({"units": 0}, "units must be a whole number of at least 1"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(sizes, words):
    with pytest.raises(ConfigError, match=words):
        replace(SMALL, **sizes)
