"""The formulas of minivit.costs, against the parameters, shapes and caches that really are."""

import numpy as np
import pytest

from minivit import Config, CrossEntropy, Key, ViT
from minivit.__main__ import main as minivit
from minivit.arrays import tree
from minivit.commands.exits import run
from minivit.commands.summary import binary, decimal
from minivit.config import POOLS
from minivit.costs import activation_bytes, flops, macs, parameters, rows

SMALL = {
    "image_size": 12, "patch_size": 4, "classes": 7, "dim": 6, "depth": 2, "heads": 3, "mlp_dim": 10
}  # fmt: skip
CONFIGS = [
    Config(**SMALL),
    Config(**SMALL, pool="mean"),
    Config(**SMALL, pool="mean", patch_overlap=2),
    Config(**SMALL, dropout=0.3),
    Config(**SMALL, dropout=0.3, pool="mean", gelu="erf"),
    Config(**SMALL, pool="sequence"),
    Config(**SMALL, dropout=0.3, patch_dropout=0.5),
    Config(**SMALL, pool="sequence", patch_dropout=0.7),
]
BATCH = 5


def arrays(cache):
    """Every array in a cache, however deep."""
    if isinstance(cache, np.ndarray):
        yield cache
    elif isinstance(cache, (dict, tuple)):
        for value in cache.values() if isinstance(cache, dict) else cache:
            yield from arrays(value)


def memory(array):
    """The array that owns the memory."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def kept_bytes(cache, params):
    """Bytes of the memory that a cache keeps alive, parameters left out, nothing twice."""
    weights = {id(memory(leaf)) for _, leaf in tree.walk(params)}
    owners = {id(owner): owner for owner in map(memory, arrays(cache))}
    return sum(owner.nbytes for key, owner in owners.items() if key not in weights)


@pytest.fixture(params=CONFIGS, ids=lambda c: f"{c.pool}-{c.gelu}-{c.dropout}-{c.patch_dropout}")
def config(request):
    if request.param.gelu == "erf":
        pytest.importorskip("scipy")
    return request.param


def test_every_row_is_what_the_layer_does(config):
    model, rng = ViT(config), np.random.default_rng(0)
    params = tree.map(lambda p: p.astype(np.float32), model.init(rng))
    x = rng.random((BATCH, 12, 12, 3), np.float32)
    listed = {}
    for row in rows(config):
        names = [f"block{i}" for i in range(row.count)] if row.parts else [row.name]
        listed |= dict.fromkeys(names, row)
    loss = listed.pop("loss")
    assert list(listed) == list(model.parts)
    for name, row in listed.items():
        x, cache = model.parts[name].forward(params[name], x, Key(0).at(name))
        assert x.shape == (BATCH, *row.shape)
        assert tree.count(params[name]) == row.parameters
        assert kept_bytes(cache, params[name]) == row.activation_bytes(BATCH), name
        for part in row.parts:
            own = params[name].get(part.name, {})
            assert tree.count(own) == part.parameters
            assert kept_bytes(cache[part.name], own) == part.activation_bytes(BATCH), part.name
    value, cache = CrossEntropy().forward(x, np.arange(BATCH))
    assert value.shape == loss.shape
    assert kept_bytes(cache, {}) == loss.activation_bytes(BATCH)


def test_the_total_is_what_a_whole_step_keeps(config):
    model, rng = ViT(config), np.random.default_rng(0)
    params = model.init(rng)
    logits, cache = model.forward(params, rng.random((BATCH, 12, 12, 3)), Key(0))
    _, loss_cache = CrossEntropy().forward(logits, np.arange(BATCH))
    kept = kept_bytes(cache, params) + kept_bytes(loss_cache, {})
    assert kept == activation_bytes(config, BATCH, itemsize=8)
    assert parameters(config) == tree.count(params)


def test_drop_path_keeps_two_numbers_an_image_and_block_more():
    """But in the first block, whose rate is 0."""
    config = Config(**SMALL, drop_path=0.5)
    params, images = ViT(config).init(np.random.default_rng(0)), np.zeros((BATCH, 12, 12, 3))
    _, cache = ViT(config).forward(params, images, Key(0))
    kept = kept_bytes(cache, params) + 8 * 2 * BATCH * config.classes  # the loss has its own
    assert kept == activation_bytes(config, BATCH, 8) + 8 * 2 * BATCH * (config.depth - 1)


def counted_macs(config, monkeypatch):
    """MACs of one image's forward pass in training, counted as NumPy is asked for each product."""
    count = 0

    class Counting(np.ndarray):
        def __array_ufunc__(self, ufunc, method, *inputs, out=None, **keywords):
            nonlocal count
            plain = [np.asarray(i) if isinstance(i, np.ndarray) else i for i in inputs]
            if out is not None:
                keywords["out"] = tuple(np.asarray(o) for o in out)
            result = getattr(ufunc, method)(*plain, **keywords)
            if ufunc is np.matmul:
                count += result.size * plain[0].shape[-1]
            return out[0] if out is not None else result.view(Counting)

    monkeypatch.setattr("minivit.layers.attention.array_module", lambda x: np)
    monkeypatch.setattr("minivit.layers.layernorm.array_module", lambda x: np)
    monkeypatch.setattr(  # a mean is not counted, though it is computed as a product
        "minivit.layers.layernorm.feature_mean",
        lambda x: np.asarray(x).mean(axis=-1, keepdims=True).view(Counting),
    )
    monkeypatch.setattr("minivit.layers.gelu.array_module", lambda x: np)
    for name in ("tokens", "pool", "dropout", "patch_dropout", "overlapping", "block"):
        monkeypatch.setattr(f"minivit.layers.{name}.array_module", lambda x: np)
    params = tree.map(lambda p: p.view(Counting), ViT(config).init(np.random.default_rng(0)))
    ViT(config).forward(params, np.zeros((1, 12, 12, 3)).view(Counting), Key(0))
    return count


@pytest.mark.parametrize("patch_dropout", [0.0, 0.5])
@pytest.mark.parametrize("pool", POOLS)
def test_macs_are_the_products_that_are_computed(pool, patch_dropout, monkeypatch):
    overlap = 1 if pool == "mean" else 0
    config = Config(**SMALL, pool=pool, patch_dropout=patch_dropout, patch_overlap=overlap)
    assert macs(config) == counted_macs(config, monkeypatch)


def test_published_example():
    config = Config.variant("Ti/4", image_size=32, classes=10)
    assert parameters(config) == 5_362_762
    assert macs(config) == 365_107_584  # 365.1 M
    assert flops(config) == 2 * macs(config)
    assert flops(config, training=True) == 6 * macs(config)


def test_the_table_adds_up_and_fits_80_columns(capsys):
    words = ["--variant", "Ti/4", "--image-size", "32", "--classes", "10", "--batch-size", "64"]
    assert run(minivit, ["summary", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    (blocks,) = [line for line in lines if line.startswith("block")]
    assert blocks.split()[:3] == ["block0..block11", "(12", "x)"] and "B x 65 x 192" in blocks
    (total,) = [line for line in lines if line.startswith("total")]
    assert "5,362,762" in total and "365.1 M" in total
    assert any(line.startswith("FLOPs") and "730.2 M" in line for line in lines)
    assert any(line.startswith("checkpoint") and "20.5 MiB" in line for line in lines)


def test_the_largest_model_fits_too(capsys):
    assert run(minivit, ["summary", "--variant", "H/14", "--dropout", "0.1"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80 and "block0..block31 (32 x)" in text


def test_sizes_given_change_a_variant(capsys):
    words = ["--variant", "S/16", "--depth", "1", "--classes", "10"]
    assert run(minivit, ["summary", *words]) == 0
    expected = parameters(Config.variant("S/16", depth=1, classes=10))
    assert f"{expected:,}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "-"), (999, "999"), (1000, "1.0 k"), (365_107_584, "365.1 M"), (2.5e9, "2.5 G")],
)
def test_decimal(number, text):
    assert decimal(number) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "-"), (80, "80 B"), (1536, "1.5 KiB"), (1000 * 1024, "1.0 MiB"), (5 * 2**30, "5.0 GiB")],
)
def test_binary(size, text):
    assert binary(size) == text
