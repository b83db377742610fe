"""Starts: what each of them draws, what it leaves unchanged, and that names and shapes stay."""

import numpy as np
import pytest
from cases import close, tiny

from minivit import Config, ViT
from minivit.arrays import tree
from minivit.config import INITS, POOLS
from minivit.layers.grid_positions import sincos
from minivit.start.mimetic import balanced_factors

SMALL = {"image_size": 16, "patch_size": 4, "dim": 64, "depth": 2, "heads": 4, "mlp_dim": 96}


def leaves(init, seed=0, **changes):
    """{dotted name: array} of a small model with this start."""
    model = ViT(Config(**{**SMALL, **changes, "init": init}))
    return dict(tree.walk(model.init(np.random.default_rng(seed))))


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("init", INITS)
def test_names_shapes_and_kind_are_those_of_the_layers(init, pool):
    want = leaves("xavier", pool=pool)
    got = leaves(init, pool=pool)
    assert [(n, a.shape) for n, a in got.items()] == [(n, a.shape) for n, a in want.items()]
    for name, leaf in got.items():
        assert type(leaf) is np.ndarray and leaf.dtype == np.float64, name
        assert leaf.flags.owndata and leaf.flags.writeable and leaf.flags.c_contiguous, name
        assert np.isfinite(leaf).all(), name


@pytest.mark.parametrize("init", INITS)
def test_a_seed_is_a_start_and_shapes_alone_take_no_memory(init):
    first, again, other = leaves(init), leaves(init), leaves(init, seed=1)
    assert all((first[name] == again[name]).all() for name in first)
    assert (first["block1.attn.qkv.w"] != other["block1.attn.qkv.w"]).all()
    assert (first["block0.attn.qkv.w"] != first["block1.attn.qkv.w"]).all()
    shapes = [leaf for _, leaf in tree.walk(tiny(init=init).init(None))]
    assert all(set(leaf.strides) == {0} and not leaf.any() for leaf in shapes)


def test_xavier_is_what_the_layers_draw():
    model, rng = ViT(Config(**SMALL)), np.random.default_rng(0)
    own = dict(tree.walk({name: part.init(rng) for name, part in model.parts.items()}))
    start = leaves("xavier")
    assert all((start[name] == own[name]).all() for name in own)


def test_normal_redraws_the_matrices_and_nothing_else():
    before, after = leaves("xavier", pool="sequence"), leaves("normal", pool="sequence")
    for name, leaf in after.items():
        if tree.is_decayed(name) and name != "head.w":
            assert leaf.std() == pytest.approx(0.02, rel=0.3 if leaf.size < 100 else 0.05), name
            assert abs(leaf.mean()) < 5 * 0.02 / leaf.size**0.5, name
        else:
            assert (leaf == before[name]).all(), name
    assert not after["head.w"].any()
    wide = leaves("normal", dim=128)["block0.mlp.fc1.w"]
    assert wide.std() == pytest.approx(0.02, rel=0.05)  # whatever the sizes


def products(start, block, heads=4):
    """Wq Wk^T of each head (heads, D, D), and Wv Wproj (D, D), of a block's attention."""
    w = start[f"block{block}.attn.qkv.w"]
    q, k, v = np.split(w, 3, axis=1)
    q, k = (part.reshape(len(w), heads, -1).transpose(1, 0, 2) for part in (q, k))
    return q @ k.transpose(0, 2, 1), v @ start[f"block{block}.attn.proj.w"]


@pytest.mark.parametrize("block", [0, 1])
def test_mimetic_products_are_near_the_identity_and_its_opposite(block):
    dim = SMALL["dim"]
    qk, vo = products(leaves("mimetic"), block)
    noise = vo + 0.4 * np.eye(dim)
    assert noise.std() == pytest.approx(0.4 / dim**0.5, rel=0.05)
    assert abs(noise.diagonal().mean()) < 5 * 0.4 / dim
    for of_head in qk:
        assert np.linalg.matrix_rank(of_head) == dim // 4
        # the largest quarter of 0.7 Z + 0.7 I's singular values, and the share of I in it
        assert np.trace(of_head) / dim > 0.15
        assert np.trace(of_head) / dim > 10 * abs(of_head[~np.eye(dim, dtype=bool)].mean())
    assert (qk[0] != qk[1]).all()


def test_mimetic_with_one_head_is_exact():
    qk, _ = products(leaves("mimetic", heads=1), 0, heads=1)
    noise = qk[0] - 0.7 * np.eye(SMALL["dim"])
    assert noise.std() == pytest.approx(0.7 / SMALL["dim"] ** 0.5, rel=0.05)
    assert abs(noise.diagonal().mean()) < 5 * 0.7 / SMALL["dim"]


def test_the_first_columns_of_balanced_factors_are_the_nearest_product_of_their_rank():
    matrix = np.random.default_rng(0).standard_normal((9, 9))
    left, right = balanced_factors(matrix)
    close(left @ right.T, matrix)
    close((left * left).sum(axis=0), (right * right).sum(axis=0))  # shared equally
    s = np.linalg.svd(matrix, compute_uv=False)
    gap = matrix - left[:, :3] @ right[:, :3].T
    close(np.linalg.norm(gap), np.sqrt((s[3:] ** 2).sum()))  # Eckart & Young


@pytest.mark.parametrize("pool", POOLS)
def test_mimetic_positions_are_similar_for_neighbours(pool):
    pos = leaves("mimetic", pool=pool)["position.pos"]
    assert len(pos) == 16 + (pool == "class")
    if pool == "class":
        assert not pos[0].any()
    alike = (pos @ pos.T)[-16:, -16:].reshape(4, 4, 4, 4)  # row, column by row, column
    close(alike[1, 1, 1, 2], alike[2, 0, 3, 0])  # one step, anywhere, in any direction
    close(alike[1, 1, 1, 1], 32)  # 64 sines and cosines, whose squares are 1 in pairs
    assert alike[1, 1, 1, 1] > alike[1, 1, 1, 2] > alike[1, 1, 2, 2] > alike[1, 1, 3, 3]


def test_mimetic_rows_and_columns_are_the_same_waves():
    apart = leaves("mimetic", position="learned-2d")
    row, column = apart["position.row"], apart["position.column"]
    joined = [np.concatenate([r, c]) for r in row for c in column]
    close(np.stack(joined), leaves("mimetic", pool="mean")["position.pos"])


@pytest.mark.parametrize("position", ["none", "sincos-2d", "relative"])
def test_mimetic_attention_goes_with_every_kind_of_positions(position):
    own = leaves("mimetic", position=position)
    assert "position.pos" not in own
    close(own["block0.attn.qkv.w"], leaves("mimetic", position=position)["block0.attn.qkv.w"])


@pytest.mark.parametrize("dim", [1, 2, 6, 7])
def test_positions_of_any_width(dim):
    positions = sincos(3, 3, dim)
    assert positions.shape == (9, dim) and np.abs(positions).max() <= 1
    assert len(np.unique(positions.round(9), axis=0)) == (9 if dim > 2 else 3)


def test_mimetic_leaves_the_rest_as_it_was():
    before, after = leaves("xavier"), leaves("mimetic")
    for name, leaf in after.items():
        changed = name == "position.pos" or name.endswith(("attn.qkv.w", "attn.proj.w"))
        assert (leaf == before[name]).all() != changed, name
