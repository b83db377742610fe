"""Config: published models have their published parameter counts; invalid sizes are refused."""

import json

import numpy as np
import pytest

from minivit import VARIANTS, Config, ConfigError, ViT
from minivit.arrays import tree


def parameters(config):
    return tree.count(ViT(config).init(None))


@pytest.mark.parametrize(
    "name, at_224, backbone, at_384",
    [
        ("Ti/16", 5_717_416, 5_524_416, 5_790_376),
        ("S/32", 22_878_952, 22_493_952, 22_915_432),
        ("S/16", 22_050_664, 21_665_664, 22_196_584),
        ("B/32", 88_224_232, 87_455_232, 88_297_192),
        ("B/16", 86_567_656, 85_798_656, 86_859_496),
        ("B/8", 86_576_872, 85_807_872, 87_744_232),
        ("L/32", 306_535_400, 305_510_400, 306_632_680),
        ("L/16", 304_326_632, 303_301_632, 304_715_752),
        ("H/14", 632_045_800, 630_764_800, None),  # 14 does not divide 384
    ],
)
def test_parameters_of_the_published_models(name, at_224, backbone, at_384):
    assert parameters(Config.variant(name)) == at_224
    assert parameters(Config.variant(f"ViT-{name}")) == at_224
    head = tree.count(ViT(Config.variant(name)).init(None)["head"])
    assert at_224 - head == backbone
    if at_384:
        assert parameters(Config.variant(name, image_size=384)) == at_384


def test_the_published_regression_on_pawpularity():
    """ViT-B/16 with Linear(768, 128), GELU, Linear(128, 1)."""
    assert parameters(Config.variant("B/16", classes=1, head_hidden=128)) == 85_897_217


def test_relative_positions_need_all_patches():
    with pytest.raises(ConfigError, match="relative positions need all patches of an image: set"):
        Config(position="relative", patch_dropout=0.1)


def test_the_head_has_one_hidden_layer_at_most():
    with pytest.raises(ConfigError, match="the head has one hidden layer at most: set pre_logits"):
        Config(pre_logits=8, head_hidden=8)


@pytest.mark.parametrize(
    "config, count",
    [
        (Config.variant("Ti/4", image_size=32, classes=10), 5_362_762),
        (Config.variant("S/4", image_size=32, classes=10), 21_342_346),
        (Config(dim=192, depth=9, heads=12, mlp_dim=384), 2_697_610),
        (Config(dim=256, depth=7, heads=4, mlp_dim=512), 3_722_250),
        (Config(dim=384, depth=7, heads=12, mlp_dim=384), 6_268_810),
        (Config(dim=48, depth=4, heads=4, mlp_dim=192), 119_194),
    ],
)
def test_parameters_at_32_pixels_are_those_of_the_formula(config, count):
    c = config
    D, M, grid = c.dim, c.mlp_dim, c.image_size // c.patch_size
    block = 4 * (D * D + D) + 2 * D * M + M + D + 4 * D
    patch, positions = c.patch_size**2 * 3 * D + D, (grid**2 + 1) * D
    assert parameters(c) == count
    assert count == patch + D + positions + c.depth * block + 2 * D + D * c.classes + c.classes
    mean = Config(**{**c.to_dict(), "pool": "mean"})
    assert parameters(mean) == count - 2 * D  # neither a class token nor a position for it
    sequence = Config(**{**c.to_dict(), "pool": "sequence"})
    assert parameters(sequence) == count - D


def test_counting_the_largest_model_takes_no_memory():
    leaves = [leaf for _, leaf in tree.walk(ViT(Config.variant("H/14")).init(None))]
    assert all(set(leaf.strides) == {0} for leaf in leaves)


@pytest.mark.parametrize(
    "sizes, words",
    [
        ({"image_size": 32, "patch_size": 5}, ("image_size", "32", "patch_size", "5", "4, 8")),
        ({"dim": 192, "heads": 5}, ("dim", "192", "heads", "5", "3, 4, 6")),
        ({"image_size": 4, "patch_size": 8}, ("image_size", "4", "patch_size", "8")),
        ({"depth": 0}, ("depth", "0", "a whole number of at least 1")),
        ({"dim": 3_000_000}, ("dim", "3000000", "at most 1000000")),
        ({"dim": -192}, ("dim", "-192")),
        ({"patch_overlap": -1}, ("patch_overlap", "-1", "at least 0")),
        ({"patch_overlap": 32}, ("patch_overlap", "32", "image_size")),
        ({"patch_overlap": 0.5}, ("patch_overlap", "0.5")),
        ({"classes": 10.0}, ("classes", "10.0")),
        ({"heads": True}, ("heads", "True")),
        ({"mlp_dim": "768"}, ("mlp_dim", "'768'")),
        ({"dim": np.nan}, ("dim", "nan")),
        ({"dropout": 1.0}, ("dropout", "1.0", "at least 0 and below 1")),
        ({"dropout": -0.1}, ("dropout", "-0.1")),
        ({"dropout": float("nan")}, ("dropout", "nan")),
        ({"dropout": "0.1"}, ("dropout", "'0.1'")),
        ({"drop_path": 1}, ("drop_path", "1")),
        ({"patch_dropout": -0.5}, ("patch_dropout", "-0.5")),
        ({"patch_dropout": None}, ("patch_dropout", "None")),
        ({"pool": "meen"}, ("pool", "'meen'", "did you mean 'mean'")),
        ({"pool": "sequences"}, ("pool", "'sequences'", "did you mean 'sequence'")),
        ({"init": "mimic"}, ("init", "'mimic'", "did you mean 'mimetic'", "xavier")),
        ({"gelu": "tan"}, ("gelu", "'tan'", "did you mean 'tanh'", "erf")),
    ],
    ids=str,
)
def test_sizes_that_cannot_be_are_refused_in_one_sentence(sizes, words):
    with pytest.raises(ConfigError) as error:
        Config(**sizes)
    sentence = str(error.value)
    assert all(word in sentence for word in words), sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "sizes",
    [
        {"image_size": 32, "patch_size": 5},
        {"image_size": (30, 42), "patch_size": 4},
        {"dim": 192, "heads": 7},
    ],
    ids=str,
)
def test_the_sizes_that_are_proposed_are_valid(sizes):
    with pytest.raises(ConfigError) as error:
        Config(**sizes)
    proposal = str(error.value).rpartition("; ")[2]  # "heads 6, 8, 4 would be"
    name, *values, _, _ = proposal.replace(",", "").split()
    assert len(values) == 3
    for value in values:
        Config(**{**sizes, name: int(value)})


@pytest.mark.parametrize("name", ["XL/16", "B16", "b/16", "B/", "B/16/2", ""])
def test_unknown_variants(name):
    with pytest.raises(ConfigError, match="unknown variant") as error:
        Config.variant(name)
    assert all(known in str(error.value) for known in VARIANTS)


def test_a_config_is_plain_data():
    config = Config(pool="mean", dropout=0.1)
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert {config: 1}[Config(pool="mean", dropout=0.1)] == 1
    with pytest.raises(AttributeError):
        config.dim = 3
    assert (config.patches, config.tokens, Config().tokens) == (64, 64, 65)
    assert (config.prefix_tokens, Config().prefix_tokens) == (0, 1)


def test_a_config_with_fewer_fields_means_their_defaults():
    """A checkpoint holds the fields that existed when it was written."""
    old = {"image_size": 32, "patch_size": 4, "channels": 3, "classes": 10, "dim": 64, "depth": 4}
    old |= {"heads": 4, "mlp_dim": 128, "pool": "mean", "gelu": "tanh", "dropout": 0.1}
    new = Config.from_dict(old)
    assert {name: new.to_dict()[name] for name in old} == old
    assert (new.drop_path, new.patch_dropout, new.init) == (0.0, 0.0, "xavier")
    assert "patch_dropout" not in ViT(new).parts


@pytest.mark.parametrize("depth, rates", [(5, [0.0, 0.1, 0.2, 0.3, 0.4]), (1, [0.0])])
def test_drop_path_rises_linearly_from_the_first_block_to_the_last(depth, rates):
    parts = ViT(Config(depth=depth, drop_path=0.4)).parts
    assert [parts[f"block{i}"].drop_path for i in range(depth)] == pytest.approx(rates)
    assert all(parts[f"block{i}"].dropout == 0 for i in range(depth))
