"""Models, optimizers, sums of gradients and the trainer with fused parts, against plain ones."""

import threading

import numpy as np
import pytest
import strict_cupy
from cases import KEY, draw, redrawn, tiny
from test_fused_layers import agree
from thread_ranks import together

from minivit import Config, CrossEntropy, ViT, cuda
from minivit.arrays import tree
from minivit.arrays.backend import to_device, to_host
from minivit.config import POOLS
from minivit.cuda import kernels
from minivit.cuda.block import FusedBlock
from minivit.cuda.fast import fused_layer
from minivit.cuda.gradient_sums import FusedGradientSums
from minivit.cuda.products import multiply
from minivit.cuda.update import orthogonal
from minivit.layers import LayerNorm, Linear, TransformerBlock
from minivit.masked import MaskedConfig
from minivit.optim.muon import orthogonal as plain_orthogonal
from minivit.parallel.gradient_sums import GradientSums
from minivit.residual import ResidualConfig
from minivit.training.early_steps import SmallerViT
from minivit.training.ranked_sums import RankedFusedSums
from minivit.training.recipe import Recipe
from minivit.training.trainer import Trainer
from minivit.training.update import OPTIMIZERS, update_for

SIZES = {"image_size": 4, "patch_size": 2, "dim": 12, "depth": 2, "heads": 3, "mlp_dim": 7}
STEM = {"stem": "small", "image_size": 8, "patch_size": 4}  # its map has 2 x 2 pixels
MEAN, STD = [0.5, 0.4, 0.6], [0.2, 0.25, 0.3]


DROPPING = {"heads": 2, "drop_path": 0.5, "patch_dropout": 0.4}
MODELS = {
    **{f"{pool} pooling": lambda pool=pool: tiny(pool=pool, **DROPPING) for pool in POOLS},
    "stem": lambda: tiny(**STEM),
    "ReLU": lambda: tiny(gelu="relu"),
    "relative positions": lambda: tiny(position="relative"),
}


@pytest.mark.parametrize("name", MODELS)
def test_whole_model(xp, name):
    plain = MODELS[name]()
    fused = cuda.fast(plain)
    assert fused.parts.keys() == plain.parts.keys()
    fits = type(plain.parts["block0"]) is TransformerBlock and plain.config.gelu != "relu"
    assert (type(fused.parts["block0"]) is FusedBlock) == fits
    assert (fused.parts["head"], fused.parts["norm"]) != (plain.parts["head"], plain.parts["norm"])
    params, images = redrawn(plain, xp), draw((3, *plain.config.image_shape), xp)
    results = []
    for model in (fused, plain):
        logits, cache = model.forward(params, images, KEY)
        _, loss_cache = CrossEntropy().forward(logits, to_device(np.arange(3), xp))
        dx, grads = model.backward(CrossEntropy().backward(1.0, loss_cache), cache)
        assert cache == {}
        results.append((logits, model.predict(params, images), dx, grads))
    agree(*results, 1e-11)


def test_layers_that_no_kernel_covers_stay_themselves():
    for layer in (LayerNorm(1025), TransformerBlock(1032, 2, 4), tiny().parts["patchify"]):
        assert fused_layer(layer) is layer
    fused = fused_layer(Linear(3, 4))
    assert fused_layer(fused) is fused


def test_the_stand_in_for_cupy_runs_the_plain_layers(monkeypatch):
    """It has no kernels; and neither NumPy nor the environment variable asks for any."""
    assert not cuda.wanted(strict_cupy) and not cuda.wanted(np)
    like_cupy = type("module", (), {"__name__": "cupy"})
    like_cupy.__name__ = "cupy"
    monkeypatch.delenv("MINIVIT_PLAIN", raising=False)
    assert cuda.wanted(like_cupy) and cuda.wanted(like_cupy, tiny(**STEM).config)
    for other in (MaskedConfig(), ResidualConfig()):  # other kinds than a ViT that classifies
        assert not cuda.wanted(like_cupy, other)
    monkeypatch.setenv("MINIVIT_PLAIN", "1")
    assert not cuda.wanted(like_cupy)


def vectors(xp, depth=2, **changes):
    """Places of a model's parameters, and a flat vector of them."""
    model = ViT(Config(**{**SIZES, "depth": depth, **changes}))
    start = model.init(np.random.default_rng(0))
    places = tree.layout(start)
    vector = np.empty(tree.count(start), np.float32)
    tree.map(np.copyto, tree.views(vector, places), start)
    return places, to_device(vector, xp)


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
@pytest.mark.parametrize("changes", [{"depth": 1}, {"depth": 3}, STEM], ids=str)
def test_optimizers(xp, workers, optimizer, changes):
    recipe = Recipe(optimizer=optimizer, ema=0.9, weight_decay=0.3, clip=2.0)
    places, start = vectors(xp, pool="sequence", **changes)
    sides = []
    for fused in (True, False):
        vector, gradients = start.copy(), GradientSums(places, len(start), workers, xp)
        gradients.prepare(1)
        gradient = gradients.vectors[0]
        update = update_for(recipe, places, vector, gradients, workers, xp, {}, fused)
        seen = []
        for step in range(1, 4):
            size = 1e-3 if step == 2 else 1.0  # step 2 is not clipped
            gradient[...] = size * draw(start.shape, xp, seed=step, dtype=np.float32)
            norm, _ = update.step(step, 3e-3, 1)
            seen.append((norm.copy(), gradient.copy(), vector.copy()))
        sides.append((*seen, dict(update.state)))
    for one, other in zip(*sides, strict=True):
        if isinstance(one, dict):
            assert one.keys() == other.keys()
            one, other = tuple(one.values()), tuple(other.values())
        for x, y in zip(one, other, strict=True):
            x, y = to_host(x), to_host(y)
            assert x.dtype == y.dtype and x.shape == y.shape
            np.testing.assert_allclose(x, y, rtol=2e-5, atol=2e-6)


def test_orthogonal_of_several_matrices(xp):
    x = draw((3, 4, 6), xp)
    got = to_host(orthogonal(x))
    for one, matrix in zip(got, to_host(x), strict=True):
        np.testing.assert_allclose(one, plain_orthogonal(matrix), atol=1e-10)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("transposed", [(False, False), (False, True), (True, False), (True, True)])
def test_products(xp, dtype, count, transposed):
    a, b = draw((count, 4, 6), xp, dtype=dtype), draw((count, 6, 5), xp, seed=1, dtype=dtype)
    want = to_host(a) @ to_host(b)
    a, b = (
        xp.ascontiguousarray(x.swapaxes(1, 2)) if t else x
        for x, t in zip((a, b), transposed, strict=True)
    )
    got = to_host(multiply(a, b, *transposed))
    assert got.dtype == dtype
    np.testing.assert_allclose(got, want, atol=1e-5 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("count", [1, 3, 4])
def test_sums_of_gradients(xp, workers, count):
    places, vector = vectors(xp)
    fused = FusedGradientSums(places, len(vector), workers, xp)
    fused.prepare(count)
    fused.vectors[0][...] = np.nan
    parts = [draw(vector.shape, xp, seed=number, dtype=np.float32) for number in range(count)]

    def gradients(number):
        grads = tree.views(parts[number].copy(), {name: places[name] for name in reversed(places)})
        grads["head"]["w"] = xp.asfortranarray(grads["head"]["w"])  # not contiguous
        return grads

    assert fused.tasks(count) == [[(0, count)]]
    fused.compute(0, count, gradients)
    want = sum(to_host(part) for part in parts)
    np.testing.assert_allclose(to_host(fused.vectors[0]), want, atol=1e-6)


@pytest.mark.parametrize("size", [2, 3])
def test_ranks_add_by_kernels(xp, workers, size, monkeypatch):
    """Five micro-batches: a rank has several nodes of the tree, so several vectors."""
    compile_kernel, one_at_a_time = kernels.kernel, threading.Lock()  # the emulator is one GPU

    def kernel(*which):
        def launch(*args):
            with one_at_a_time:
                compiled(*args)

        compiled = compile_kernel(*which)
        return launch

    places, start = vectors(xp)
    terms = [draw(start.shape, xp, seed=i, dtype=np.float32) for i in range(5)]

    def added(sums):
        sums.prepare(5)
        for task in range(len(sums.tasks(5))):
            sums.compute(task, 5, lambda i: tree.views(terms[i].copy(), places))
        sums.meet(5)
        return to_host(sums.add_up(slice(0, len(start)), 5)).copy()

    want = added(FusedGradientSums(places, len(start), workers, xp))
    monkeypatch.setattr(kernels, "kernel", kernel)
    for got in together(
        size, lambda rank: added(RankedFusedSums(places, len(start), workers, xp, rank))
    ):
        assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize(
    ("changes", "early"),
    [({}, {"early_drop": 0.5}), ({}, {"early_size": 2}), (STEM, {"early_size": 4})],
)
def test_steps_of_the_trainer(xp, workers, changes, early):
    config = Config(**{**SIZES, "drop_path": 0.2, **changes})
    size = config.image_shape
    recipe = Recipe(optimizer="muon", ema=0.9, lr=3e-3, micro_batch=4, **early)
    rng, sides = np.random.default_rng(1), []
    images = to_device(rng.integers(0, 256, (7, *size), np.uint8), xp)
    labels = to_device(rng.integers(0, 10, 7), xp)
    for fused in (True, False):
        trained = Trainer(config, recipe, 4, MEAN, STD, workers, xp, fused=fused)
        gradients = []
        for _ in range(3):
            trained.train_step(images, labels)
            gradients.append(trained.gradient_sums.vectors[0].copy())
        early_model = trained.early_model
        if isinstance(early_model, SmallerViT):
            early_model = early_model.model
        for model in (trained.model, early_model):
            assert (type(model.parts["block1"]) is FusedBlock) == fused
        metrics = trained.evaluate(images, labels)
        losses = np.array([metrics["loss"], trained.read_sums()["loss"]])
        sides.append((*map(to_host, gradients), losses))
    for one, other in zip(*sides, strict=True):
        assert np.linalg.norm(one - other) <= 1e-4 * np.linalg.norm(other)
