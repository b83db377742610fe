"""What minivit.costs reads off the model, against parameters, shapes and caches of real runs."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minivit import Config, CrossEntropy, Key, ViT
from minivit.__main__ import main as minivit
from minivit.arrays import tree
from minivit.commands.exits import run
from minivit.config import POOLS
from minivit.costs import activation_bytes, flops, layer_costs, macs, parameters

ROOT = Path(__file__).resolve().parents[2]
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
    Config(**SMALL, drop_path=0.5),
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


def test_every_cost_is_what_the_layer_does(config):
    model, rng = ViT(config), np.random.default_rng(0)
    params = tree.map(lambda p: p.astype(np.float32), model.init(rng))
    x, key, names = rng.random((BATCH, 12, 12, 3), np.float32), Key(0), iter(model.parts)
    *costs, loss = layer_costs(config)
    for cost in costs:
        own = [next(names) for _ in range(cost.count)]
        assert cost.name == (own[0] if cost.count == 1 else f"{own[0]}..{own[-1]}")
        caches = []
        for name in own:
            x, cache = model.parts[name].forward(params[name], x, key.at(name))
            caches.append(cache)
        assert x.shape == (BATCH, *cost.shape)
        assert sum(tree.count(params[name]) for name in own) == cost.parameters
        kept = [kept_bytes(cache, params) for cache in caches]
        assert sum(kept) == cost.activation_bytes(BATCH), cost.name
        assert [part.name for part in cost.parts] == (list(caches[0]) if cost.count > 1 else [])
        for part in cost.parts:
            weights = [params[name].get(part.name, {}) for name in own]
            assert sum(map(tree.count, weights)) == part.parameters
            kept = [kept_bytes(cache[part.name], params) for cache in caches]
            assert sum(kept) == part.activation_bytes(BATCH), part.name
            assert part.shape == cost.shape
    assert next(names, None) is None
    value, cache = CrossEntropy().forward(x, np.arange(BATCH))
    assert value.shape == loss.shape
    assert kept_bytes(cache, {}) == loss.activation_bytes(BATCH)


def test_the_total_is_what_a_whole_step_keeps(config):
    model, rng = ViT(config), np.random.default_rng(0)
    params = model.init(rng)
    logits, cache = model.forward(params, rng.random((BATCH, 12, 12, 3)), Key(0))
    _, loss_cache = CrossEntropy().forward(logits, np.arange(BATCH))
    kept = kept_bytes((cache, loss_cache), params)
    assert kept == activation_bytes(config, BATCH, itemsize=8)
    assert parameters(config) == tree.count(params)


def test_drop_path_keeps_two_numbers_an_image_and_block_more():
    """But in the first block, whose rate is 0."""
    config = Config(**SMALL, drop_path=0.5)
    more = activation_bytes(config, BATCH, 8) - activation_bytes(Config(**SMALL), BATCH, 8)
    assert more == 8 * 2 * BATCH * (config.depth - 1)


def counted_macs(config):
    """MACs of one image's forward pass in training, counted as NumPy computes the products."""
    count = 0

    class Counting(np.ndarray):
        __module__ = "numpy"  # `array_module` asks the array's class for its library

        def __array_ufunc__(self, ufunc, method, *inputs, out=None, **keywords):
            nonlocal count
            plain = [np.asarray(i) if isinstance(i, np.ndarray) else i for i in inputs]
            if out is not None:
                keywords["out"] = tuple(np.asarray(o) for o in out)
            result = getattr(ufunc, method)(*plain, **keywords)
            if ufunc is np.matmul and min(operand.ndim for operand in plain) > 1:  # else a sum
                count += result.size * plain[0].shape[-1]
            return out[0] if out is not None else np.asarray(result).view(Counting)

    params = tree.map(lambda p: p.view(Counting), ViT(config).init(np.random.default_rng(0)))
    ViT(config).forward(params, np.zeros((1, 12, 12, 3)).view(Counting), Key(0))
    return count


@pytest.mark.parametrize("patch_dropout", [0.0, 0.5])
@pytest.mark.parametrize("pool", POOLS)
def test_macs_are_the_products_that_are_computed(pool, patch_dropout):
    overlap = 1 if pool == "mean" else 0
    config = Config(**SMALL, pool=pool, patch_dropout=patch_dropout, patch_overlap=overlap)
    assert macs(config) == counted_macs(config)
    blocks = next(cost for cost in layer_costs(config) if cost.count > 1)
    assert blocks.macs == sum(part.macs for part in blocks.parts)


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
    ("variant", "count", "products"),
    [("B/16", 86_567_656, 17_563_828_224), ("H/14", 632_045_800, 167_295_109_120)],
)
def test_published_models(variant, count, products):
    """Dosovitskiy et al. 2021, table 1, rounds the parameters to 86 and 632 million."""
    config = Config.variant(variant)
    assert parameters(config) == count and macs(config) == products


def test_every_kind_of_cost_by_hand():
    """The formulas for one image: N patches of P*P*C numbers, T tokens of width D, MLP width M."""
    c = Config(**SMALL, pool="sequence", dropout=0.1)
    n, t, d, m, heads, numbers = c.patches, c.tokens, c.dim, c.mlp_dim, c.heads, c.patch_dim
    block = t * (4 * d * d + 2 * d * m) + 2 * t * t * d
    pool, head = 2 * t * d, d * c.classes
    assert macs(c) == n * numbers * d + c.depth * block + pool + head
    costs = {cost.name: cost for cost in layer_costs(c)}
    parts = {part.name: part for part in costs["block0..block1"].parts}
    assert costs["patch"].floats == n * numbers
    assert parts["norm1"].floats == c.depth * t * (d + 1)
    assert parts["attn"].floats == c.depth * t * (5 * d + heads * t)
    assert parts["mlp"].floats == c.depth * t * (d + 2 * m)
    assert parts["mlp"].mask_bytes == c.depth * t * (m + d)
    assert parts["drop"].mask_bytes == costs["dropout"].mask_bytes * c.depth == c.depth * t * d
    assert costs["pool"].floats == t * d + t and costs["loss"].floats == 2 * c.classes


def test_a_training_step_on_half_of_the_patches_costs_less_than_half():
    config = Config(pool="mean")
    half = flops(replace(config, patch_dropout=0.5), training=True)
    assert 0.4 < half / flops(config, training=True) < 0.5


PROBE = """
import time
from pathlib import Path
from minivit import Config
from minivit.costs import flops

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

before, start = peak(), time.process_time()
flops(Config.variant("H/14", drop_path=0.1))
print(peak() - before, time.process_time() - start)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_the_largest_model_takes_little_time_and_memory():
    """In training, one image of it keeps 774 MiB; its products alone would take seconds."""
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, check=True, cwd=ROOT)
    kib, seconds = map(float, done.stdout.split())
    assert kib < 100 * 1024 and seconds < 2


def test_the_exact_gelu_needs_no_scipy_to_be_counted(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    layer_costs.cache_clear()
    tanh, erf = (activation_bytes(Config(**SMALL, gelu=gelu), 1, 1) for gelu in ("tanh", "erf"))
    assert erf - tanh == 2 * 9 * 10 + 2 * 10
