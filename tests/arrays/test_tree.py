"""Trees: nested dicts of arrays that pair by name."""

import numpy as np
import pytest
from cases import tiny

from minivit.arrays import tree
from minivit.config import Config
from minivit.models import model_of
from minivit.residual.config import ResidualConfig


def sample():
    return {
        "block": {"norm": {"gamma": np.arange(3.0)}, "fc": {"w": np.ones((2, 3)), "b": np.ones(3)}},
        "nothing": {},
        "head": {"w": np.full((3, 1), 2.0)},
    }


def test_walk_gives_dotted_names_in_the_trees_own_order():
    names = [name for name, _ in tree.walk(sample())]
    assert names == ["block.norm.gamma", "block.fc.w", "block.fc.b", "head.w"]


def test_map_pairs_by_name_whatever_the_order():
    one = sample()
    other = {name: one[name] for name in reversed(one)}
    other["block"] = {name: one["block"][name] for name in reversed(one["block"])}
    total = tree.map(lambda a, b: a + b, one, other)
    assert list(total) == list(one) and total["nothing"] == {}
    for (name, value), (same, twice) in zip(tree.walk(one), tree.walk(total), strict=True):
        assert name == same and (twice == 2 * value).all()


def test_map_refuses_a_tree_that_lacks_a_leaf():
    other = sample()
    del other["block"]["fc"]["b"]
    with pytest.raises(KeyError):
        tree.map(np.add, sample(), other)


def test_unwalk_undoes_walk_but_for_branches_without_leaves():
    one = sample()
    back = tree.unwalk(tree.walk(one))
    del one["nothing"]
    assert list(back) == list(one)
    pairs = zip(tree.walk(one), tree.walk(back), strict=True)
    assert all(name == same and leaf is it for (name, leaf), (same, it) in pairs)


def test_read_only_changes_the_arrays_themselves():
    one = sample()
    assert tree.read_only(one) is one
    for _, leaf in tree.walk(one):
        with pytest.raises(ValueError, match="read-only"):
            leaf += 1


def test_count():
    assert tree.count(sample()) == 3 + 6 + 3 + 3
    assert tree.count({}) == 0


def test_decay_is_for_matrices():
    decayed = [name for name, _ in tree.walk(tiny().init(None)) if tree.is_decayed(name)]
    assert decayed[0] == "patch.w" and decayed[-1] == "head.w" and len(decayed) == 2 + 2 * 4
    assert all(name.endswith(".w") for name in decayed)
    assert tree.is_decayed("w") and not tree.is_decayed("pow") and not tree.is_decayed("w.b")


def test_hidden_matrices_are_those_of_blocks_stems_and_residual_networks():
    params = model_of(Config(image_size=8, depth=1, dim=8, heads=1, stem="small")).init(None)
    found = [name for name, _ in tree.walk(params) if tree.is_hidden_matrix(name)]
    assert found == [
        *("stem.conv1.w", "stem.conv2.w"),
        *("block0.attn.qkv.w", "block0.attn.proj.w", "block0.mlp.fc1.w", "block0.mlp.fc2.w"),
    ]
    params = model_of(ResidualConfig(image_size=8, units=1, width=8)).init(None)
    found = [name for name, _ in tree.walk(params) if tree.is_hidden_matrix(name)]
    convolutions = [name for name, _ in tree.walk(params) if name.endswith(".w")]
    assert found == [name for name in convolutions if name != "head.w"] and len(found) == 7


def test_layout_puts_decayed_leaves_first_and_leaves_no_gap():
    places = tree.layout(sample())
    assert list(places) == [name for name, _ in tree.walk(sample())]
    assert places["block.fc.w"] == (0, 6, (2, 3)) and places["head.w"] == (6, 9, (3, 1))
    spans = sorted((start, stop) for start, stop, _ in places.values())
    assert [0, *(stop for _, stop in spans)] == [*(start for start, _ in spans), 15]


def test_views_write_through(xp):
    one = sample()
    places = tree.layout(one)
    vector = xp.zeros(tree.count(one))
    views = tree.views(vector, places)
    assert [(n, v.shape) for n, v in tree.walk(views)] == [(n, v.shape) for n, v in tree.walk(one)]
    views["head"]["w"][...] = 5.0
    assert float(vector.sum()) == 15.0
    vector += 1.0
    assert float(views["block"]["norm"]["gamma"].sum()) == 3.0
