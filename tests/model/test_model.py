"""The whole ViT: its parts in order, forward and backward, and the images that it refuses."""

import math

import numpy as np
import pytest
from cases import KEY, arrays, draw, redrawn, tiny

from minivit import Config, ConfigError, CrossEntropy, Key, ViT, costs
from minivit.arrays import tree
from minivit.arrays.backend import to_device, to_host
from minivit.arrays.keys import at
from minivit.config import INITS, POOLS, POSITIONS
from minivit.layers import (
    Dropout,
    Gelu,
    GeluErf,
    GridPositions,
    LayerNorm,
    PositionEmbedding,
    RelativeBlock,
    SincosPositions,
    TransformerBlock,
)

BATCH = 7
LABELS = np.arange(BATCH) % 10
LEFT_OUT = {"drop_path": 0.5, "patch_dropout": 0.4}  # branches and patches; 9 patches, 5 are kept
options = pytest.mark.parametrize("options", [{}, LEFT_OUT], ids=["plain", "left out"])


def move(params, xp):
    return tree.map(lambda p: to_device(p, xp), params)


def gradients(model, params, images, labels, key, share=1.0):
    """(loss, dimages, gradient tree) of one batch: forward, loss and backward."""
    loss_layer = CrossEntropy(0.1)
    logits, cache = model.forward(params, images, key)
    loss, loss_cache = loss_layer.forward(logits, labels)
    dimages, grads = model.backward(loss_layer.backward(share, loss_cache), cache)
    assert cache == {}
    return loss, dimages, grads


def kept_by_hand(x, key, prefix, count):
    """The first `prefix` tokens of each image, and the `count` others with the least numbers."""
    images = []
    for image, numbers in zip(x, key.uint16(x.shape[:2]), strict=True):
        patches = sorted(range(prefix, len(image)), key=lambda t, n=numbers: (n[t], t))[:count]
        images.append(image[[*range(prefix), *sorted(patches)]])
    return np.stack(images)


def block_by_hand(params, x, key, drop_path):
    """A block, from its parts. drop_path multiplies each image by 0 or by 1 / (1 - drop_path)."""

    def factor(name):
        if key is None or not drop_path:
            return 1.0
        kept = key.at(name).uint16((len(x),)) >= round(65536 * drop_path)
        assert kept.any() and not kept.all()  # else this would test nothing
        return kept[:, None, None] / (1 - drop_path)

    block = TransformerBlock(8, 4, 7, 0.3)
    h, _ = block.norm1.forward(params["norm1"], x)
    h, _ = block.attn.forward(params["attn"], h)
    h, _ = Dropout(0.3).forward({}, h, at(key, "drop"))
    x = x + factor("path1") * h
    h, _ = block.norm2.forward(params["norm2"], x)
    h, _ = block.mlp.forward(params["mlp"], h, at(key, "mlp"))
    return x + factor("path2") * h


@pytest.mark.parametrize("key", [None, KEY], ids=["evaluation", "training"])
@pytest.mark.parametrize("pool", POOLS)
@options
def test_the_model_is_its_parts_in_order(xp, pool, key, options):
    model = tiny(pool=pool, dropout=0.3, **options)
    first = ["patchify", "patch", *["class_token"] * (pool == "class"), "position"]
    first += ["patch_dropout"] * bool(options)
    assert list(model.parts) == [*first, "dropout", "block0", "block1", "norm", "pool", "head"]
    params, x = redrawn(model), draw((BATCH, 6, 6, 3))
    logits, _ = model.forward(move(params, xp), to_device(x, xp), key)

    rows = [x[:, i : i + 2, j : j + 2].reshape(BATCH, -1) for i in (0, 2, 4) for j in (0, 2, 4)]
    x = np.stack(rows, axis=1) @ params["patch"]["w"] + params["patch"]["b"]
    if pool == "class":
        cls = np.broadcast_to(params["class_token"]["cls"], (BATCH, 1, 8))
        x = np.concatenate([cls, x], axis=1)
    x = x + params["position"]["pos"]
    if key and options:
        x = kept_by_hand(x, key.at("patch_dropout"), pool == "class", 5)
    x, _ = Dropout(0.3).forward({}, x, at(key, "dropout"))
    x = block_by_hand(params["block0"], x, at(key, "block0"), 0.0)
    x = block_by_hand(params["block1"], x, at(key, "block1"), options.get("drop_path"))
    x, _ = LayerNorm(8).forward(params["norm"], x)
    if pool == "sequence":
        weights = np.exp(x @ params["pool"]["w"])
        x = x * weights / weights.mean(axis=1, keepdims=True)
    x = x[:, 0] if pool == "class" else x.mean(axis=1)
    want = x @ params["head"]["w"] + params["head"]["b"]
    np.testing.assert_allclose(to_host(logits), want, rtol=1e-9, atol=1e-12)


def test_the_model_of_published_weights():
    """LayerNorm's eps reaches every norm; a tanh layer stands before the head."""
    model = tiny(norm_eps=0.3, pre_logits=5)
    assert [*model.parts][-3:] == ["pool", "pre_logits", "head"]
    params, images = redrawn(model), draw((BATCH, 6, 6, 3))
    x = images
    for name in [*model.parts][:-2]:
        part = model.parts[name]
        if name.startswith("block"):
            part = TransformerBlock(8, 4, 7)
            for norm in ("norm1", "norm2"):
                object.__setattr__(part, norm, LayerNorm(8, 0.3))
        elif name == "norm":
            part = LayerNorm(8, 0.3)
        x, _ = part.forward(params.get(name, {}), x)
    hidden = np.tanh(x @ params["pre_logits"]["w"] + params["pre_logits"]["b"])
    want = hidden @ params["head"]["w"] + params["head"]["b"]
    np.testing.assert_allclose(model.forward(params, images)[0], want, rtol=1e-9, atol=1e-12)
    _, dimages, grads = gradients(model, params, images, LABELS, None)
    assert set(grads) == set(model.parts) and dimages.shape == images.shape


POSITION_PARTS = {  # position: the layers that it brings, of a model with 3 x 3 patches
    "learned": {"position": PositionEmbedding(10, 8)},
    "none": {},
    "every-block": dict.fromkeys(("position", "position1"), PositionEmbedding(10, 8)),
    "every-block-shared": dict.fromkeys(("position", "position1"), PositionEmbedding(10, 8)),
    "learned-2d": {"position": GridPositions(3, 3, 8, 1)},
    "sincos-2d": {"position": SincosPositions(3, 3, 8, 1)},
    "relative": {"block1": RelativeBlock(8, 4, 7, rows=3, columns=3, prefix_tokens=1)},
}


@pytest.mark.parametrize("position", POSITIONS)
def test_where_a_patch_is_comes_from_the_layers_of_the_position(position):
    parts = tiny(position=position).parts
    expected = {"block1": TransformerBlock(8, 4, 7), **POSITION_PARTS[position]}
    assert {name: parts.get(name) for name in expected} == expected
    assert ("position" in parts) == ("position" in expected)
    assert [name for name in parts if name.startswith("position")] == [
        name for name in expected if name.startswith("position")
    ]


def test_shared_positions_are_equal_ones_with_the_sum_of_their_gradients():
    shared, own = tiny(position="every-block-shared"), tiny(position="every-block")
    params, images = redrawn(shared), draw((BATCH, 6, 6, 3))
    same = {name: params["position" if "position" in name else name] for name in own.init(None)}
    assert "position1" not in params and "position1" in same
    np.testing.assert_array_equal(shared.predict(params, images), own.predict(same, images))
    logits, dimages, grads = gradients(shared, params, images, LABELS, None)
    want_logits, want_dimages, want = gradients(own, same, images, LABELS, None)
    np.testing.assert_array_equal(logits, want_logits)
    np.testing.assert_array_equal(dimages, want_dimages)
    want["position"] = {"pos": want["position"]["pos"] + want.pop("position1")["pos"]}
    assert dict(tree.walk(grads)).keys() == dict(tree.walk(want)).keys()
    for name, leaf in tree.walk(grads):
        np.testing.assert_array_equal(leaf, dict(tree.walk(want))[name], name)


@pytest.mark.parametrize("pool", ["class", "mean"])
@pytest.mark.parametrize("position", POSITIONS)
def test_only_without_positions_the_order_of_patches_is_the_same(position, pool):
    model = tiny(position=position, pool=pool)
    params, images = redrawn(model), draw((BATCH, 6, 6, 3))
    rows = images.reshape(BATCH, 3, 2, 6, 3)[:, [2, 0, 1]].reshape(images.shape)
    change = np.abs(model.predict(params, images) - model.predict(params, rows)).max()
    assert (change < 1e-9) == (position == "none")


@pytest.mark.parametrize("position", POSITIONS)
def test_a_model_of_each_position_is_counted_and_made(position):
    config = tiny(position=position, init="mimetic").config
    params = ViT(config).init(np.random.default_rng(0))
    assert costs.parameters(config) == tree.count(params)
    assert costs.activation_bytes(config, 2) > 0


@pytest.mark.parametrize("gelu", [Gelu(), GeluErf()])
def test_a_gelu_layer_before_the_head(gelu):
    if gelu == GeluErf():
        pytest.importorskip("scipy")
    model = tiny(head_hidden=5, gelu="tanh" if gelu == Gelu() else "erf")
    assert [*model.parts][-3:] == ["pool", "head_hidden", "head"]
    params, images = redrawn(model), draw((BATCH, 6, 6, 3))
    x = images
    for name in [*model.parts][:-2]:
        x, _ = model.parts[name].forward(params.get(name, {}), x)
    h = x @ params["head_hidden"]["w"] + params["head_hidden"]["b"]
    want = gelu.forward({}, h)[0] @ params["head"]["w"] + params["head"]["b"]
    np.testing.assert_allclose(model.forward(params, images)[0], want, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("options", [{"dropout": 0.5}, {"drop_path": 0.5}, {"patch_dropout": 0.4}])
def test_predict_is_forward_in_evaluation(xp, options):
    model = tiny(**options)
    params, images = redrawn(model, xp), draw((BATCH, 6, 6, 3), xp)
    evaluated, _ = model.forward(params, images)
    predicted = model.predict(params, images)
    assert np.array_equal(to_host(predicted), to_host(evaluated))
    assert np.array_equal(to_host(predicted), to_host(model.predict(params, images)))
    training, _ = model.forward(params, images, KEY)
    assert not np.array_equal(to_host(training), to_host(evaluated))


def test_predict_keeps_nothing():
    """Its peak memory does not depend on the depth; that of forward grows with it."""
    import tracemalloc

    images, peaks = draw((BATCH, 6, 6, 3)), {}
    for depth in (2, 12):
        model = tiny(depth=depth, dim=64)
        params = redrawn(model)
        for method in ("forward", "predict"):
            tracemalloc.start()
            kept = getattr(model, method)(params, images)
            peaks[method, depth] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            del kept
    assert peaks["predict", 12] < 1.2 * peaks["predict", 2]
    assert peaks["forward", 12] > 3 * peaks["forward", 2]


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("pool", POOLS)
def test_first_loss_is_ln_10(xp, pool, init):
    """At the start all ten classes are about equally likely."""
    model = ViT(Config(dim=48, depth=2, mlp_dim=96, pool=pool, init=init))
    params = move(tree.map(np.float32, model.init(np.random.default_rng(0))), xp)
    images = draw((BATCH, 32, 32, 3), xp, dtype=np.float32)
    logits, _ = model.forward(params, images)
    loss, _ = CrossEntropy().forward(logits, to_device(LABELS, xp))
    assert float(loss) == pytest.approx(math.log(10), abs=0.1)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 8, 8, 3)),
        np.zeros((2, 6, 8, 3)),
        np.zeros((2, 6, 6, 1)),
        np.zeros((2, 3, 6, 6)),
        np.zeros((6, 6, 3)),
        np.zeros((2, 6, 6, 3), np.uint8),
        np.zeros((2, 6, 6, 3), np.int64),
    ],
    ids=lambda images: f"{images.dtype}{images.shape}",
)
def test_other_images_are_refused(xp, images):
    model = tiny()
    params, images = redrawn(model, xp), to_device(images, xp)
    for method in (model.forward, model.predict):
        with pytest.raises(
            ConfigError, match=r"floating-point images \(B, 6, 6, 3\); got"
        ) as error:
            method(params, images)
        assert f"{images.dtype} {images.shape}" in str(error.value)


@pytest.mark.parametrize("pool", POOLS)
@options
def test_float32_stays_float32(xp, pool, options):
    model = tiny(pool=pool, dropout=0.3, **options)
    params, images = redrawn(model, xp, dtype=np.float32), draw((2, 6, 6, 3), xp, dtype=np.float32)
    loss, *returned = gradients(model, params, images, to_device(LABELS[:2], xp), KEY)
    assert {a.dtype.name for a in (loss, *arrays(tuple(returned)))} == {"float32"}


def test_nan_is_never_masked(xp):
    model = tiny()
    images = draw((2, 6, 6, 3))
    images[1, 3, 3, 0] = np.nan
    logits = to_host(model.predict(redrawn(model, xp), to_device(images, xp)))
    assert np.isfinite(logits[0]).all() and np.isnan(logits[1]).all()


def test_a_cache_is_good_for_one_backward(xp):
    model = tiny()
    logits, cache = model.forward(redrawn(model, xp), draw((2, 6, 6, 3), xp), KEY)
    assert set(cache) == set(model.parts)
    model.backward(logits, cache)
    assert cache == {}
    with pytest.raises(KeyError):
        model.backward(logits, cache)


def test_two_forwards_before_their_backwards(xp):
    """Layers keep no state, so several batches can be in progress at once."""
    model = tiny(dropout=0.3)
    params, results = redrawn(model, xp), []
    batches = [draw((2, 6, 6, 3), xp, seed) for seed in (0, 1)]
    dlogits = draw((2, 10), xp, seed=5)
    for images in batches:
        results.append(model.backward(dlogits, model.forward(params, images, KEY)[1]))
    caches = [model.forward(params, images, KEY)[1] for images in batches]
    for cache, alone in zip(caches, results, strict=True):
        together = model.backward(dlogits, cache)
        for one, other in zip(arrays(alone), arrays(together), strict=True):
            assert np.array_equal(to_host(one), to_host(other))


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("cuts", [(3, 6), (1, 2), (5,)], ids=str)
@options
def test_micro_batches_sum_to_the_batch(xp, pool, cuts, options):
    """Also with unequal sizes and with dropout: dloss is b / B, and each image has its own mask."""
    model = tiny(pool=pool, dropout=0.3, **options)
    params, images = redrawn(model, xp), draw((BATCH, 6, 6, 3), xp)
    labels = to_device(LABELS, xp)
    loss, dimages, whole = gradients(model, params, images, labels, Key(5, 9))
    total_loss, total, parts = 0.0, None, []
    for start, stop in zip((0, *cuts), (*cuts, BATCH), strict=True):
        share, cut = (stop - start) / BATCH, slice(start, stop)
        part = gradients(model, params, images[cut], labels[cut], Key(5, 9, start), share)
        total_loss += share * float(part[0])
        parts.append(to_host(part[1]))
        total = part[2] if total is None else tree.map(lambda a, b: a + b, total, part[2])
    assert total_loss == pytest.approx(float(loss), rel=1e-12)
    np.testing.assert_allclose(np.concatenate(parts), to_host(dimages), rtol=1e-9, atol=1e-12)
    for (name, want), (_, got) in zip(tree.walk(whole), tree.walk(total), strict=True):
        want, got = to_host(want), to_host(got)
        assert np.abs(got - want).max() <= 1e-12 * max(1.0, np.abs(want).max()), name


@pytest.mark.parametrize("pool", POOLS)
def test_every_parameter_gets_a_gradient_and_moves(xp, pool):
    """Each number of each leaf, except the bias of the keys, which softmax ignores."""
    model = tiny(pool=pool, dropout=0.2)
    params = redrawn(model, xp)
    images, labels = draw((BATCH, 6, 6, 3), xp), to_device(LABELS, xp)
    _, _, grads = gradients(model, params, images, labels, KEY)
    moved = tree.map(lambda p, g: p - 0.1 * g, params, grads)
    triples = tree.map(lambda *leaves: [to_host(leaf) for leaf in leaves], params, grads, moved)
    for name, (before, gradient, after) in tree.walk(triples):
        assert np.isfinite(gradient).all(), name
        if name.endswith("attn.qkv.b"):
            keys = gradient[8:16]
            assert np.abs(keys).max() < 1e-12 * np.abs(gradient).max()
            before, gradient, after = (
                np.delete(a, slice(8, 16)) for a in (before, gradient, after)
            )
        assert (gradient != 0).all(), name
        assert (after != before).all(), name


def test_branches_without_parameters_may_be_left_out(xp):
    """As in a tree of views into one vector, or from a checkpoint."""
    model, images = tiny(), draw((2, 6, 6, 3), xp)
    params = redrawn(model, xp)
    pruned = tree.unwalk(tree.walk(params))
    assert "patchify" in params and "patchify" not in pruned
    assert np.array_equal(
        to_host(model.predict(pruned, images)), to_host(model.predict(params, images))
    )
    logits, cache = model.forward(pruned, images)
    model.backward(logits, cache)


@pytest.mark.parametrize("pool", POOLS)
@options
def test_a_step_never_waits_for_the_device(xp, syncs, pool, options):
    """Forward, loss and backward do not wait for the GPU; only reading a number does."""
    model = tiny(pool=pool, dropout=0.3, **options)
    params = redrawn(model, xp, dtype=np.float32)
    images, labels = draw((4, 6, 6, 3), xp, dtype=np.float32), to_device(LABELS[:4], xp)
    syncs.clear()
    loss, _, _ = gradients(model, params, images, labels, KEY)
    model.predict(params, images)
    assert syncs == []
    float(loss)
    assert len(syncs) == (xp.__name__ == "strict_cupy")
