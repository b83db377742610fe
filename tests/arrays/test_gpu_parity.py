"""A GPU computes the same as the host: layers, model, optimizers, training.

The tests run on a GPU if CuPy works, and always on the strict stand-in. That batches prepared on
the GPU equal those of the host byte for byte is tested in test_batches, test_policies, test_erase
and test_mix.
"""

import numpy as np
import pytest
from cases import KEY, arrays, build, draw, every_layer, redrawn, tiny
from runs import data

from minivit import Config, CrossEntropy, Key
from minivit.arrays import tree
from minivit.arrays.backend import to_device, to_host
from minivit.config import GELUS, POOLS
from minivit.data import batches
from minivit.data.normalise import normalise
from minivit.parallel.gradient_sums import GradientSums
from minivit.parallel.workers import Workers
from minivit.training.recipe import Recipe
from minivit.training.trainer import Trainer
from minivit.training.update import OPTIMIZERS, Update

pytestmark = pytest.mark.parametrize("xp", ["strict", "cupy"], indirect=True)
dtypes = pytest.mark.parametrize(("dtype", "close"), [(np.float64, 1e-10), (np.float32, 1e-4)])
optimizers = pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))

STEPS, BATCH, COUNT = 20, 9, 60  # batches of seven steps an epoch, the last one short
MEAN, STD = [0.5, 0.4, 0.6], [0.2, 0.25, 0.3]
SIZES = {"image_size": 8, "dropout": 0.1, "drop_path": 0.2, "patch_dropout": 0.25}


def agree(device, host, close):
    """Every array of two nests: the difference is no longer than `close` of the host's length."""
    for got, want in zip(arrays(device), arrays(host), strict=True):
        got = to_host(got)
        assert got.dtype == want.dtype and got.shape == want.shape
        assert np.linalg.norm(got - want) <= close * np.linalg.norm(want)


@every_layer
@dtypes
@pytest.mark.parametrize("key", [None, KEY], ids=["evaluation", "training"])
def test_every_layer(xp, name, dtype, close, key):
    results = []
    for module in (xp, np):
        layer, params, x = build(name, module, dtype)
        y, cache = layer.forward(params, x, key)
        dx, grads = layer.backward(draw(y.shape, module, seed=5, dtype=dtype), cache)
        results.append((y, dx, grads))
    agree(*results, close)


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("gelu", GELUS)
@dtypes
def test_whole_model(xp, pool, gelu, dtype, close):
    if gelu == "erf":
        pytest.importorskip("scipy")
    model = tiny(pool=pool, gelu=gelu, dropout=0.2, drop_path=0.5, patch_dropout=0.4)
    loss_layer, results = CrossEntropy(0.1), []
    for module in (xp, np):
        params, images = (
            redrawn(model, module, dtype=dtype),
            draw((7, 6, 6, 3), module, dtype=dtype),
        )
        labels = to_device(np.arange(7), module)
        logits, cache = model.forward(params, images, KEY)
        loss, loss_cache = loss_layer.forward(logits, labels)
        dimages, grads = model.backward(loss_layer.backward(1.0, loss_cache), cache)
        predicted = model.predict(params, images)
        results.append((loss, logits, predicted, dimages, flat(grads, module)))
    agree(*results, close)


def flat(grads, xp):
    """All gradients as one array, so that the rounding of a small leaf hardly counts."""
    return xp.concatenate([leaf.ravel() for _, leaf in tree.walk(grads)])


def prepared(xp):
    """STEPS batches, cropped and flipped on the device by a thread that works ahead."""
    images, labels = data(COUNT, xp=xp)

    def endless():
        for number in range(1, STEPS):
            yield from batches.epoch(
                images, labels, np.arange(COUNT), number=number, batch_size=BATCH, seed=0
            )

    for _, batch in zip(range(STEPS), batches.prefetch(endless()), strict=False):
        yield batch


def steps_in_float64(xp, optimizer, workers):
    """What the trainer does, in float64 -> (loss, gradient, its norm) of each step."""
    model, loss_layer = tiny(**SIZES), CrossEntropy(0.1)
    start = model.init(np.random.default_rng(0))
    places = tree.layout(start)
    vector = np.empty(tree.count(start))
    tree.map(np.copyto, tree.views(vector, places), start)
    vector = to_device(vector, xp)
    gradient = xp.zeros_like(vector)
    params, leaves = (tree.views(x, places) for x in (vector, gradient))
    # the factor of clipping is a float32, whose rounding may differ between host and GPU
    recipe = Recipe(optimizer=optimizer, clip=1e9)
    sums = GradientSums(places, len(vector), workers, xp)
    sums.vectors.append(gradient)
    update = Update(recipe, places, vector, sums, workers, xp)
    mean, std, seen = to_device(np.array(MEAN), xp), to_device(np.array(STD), xp), []
    for step, (images, labels) in enumerate(prepared(xp), 1):
        x = normalise(images, mean, std)
        logits, cache = model.forward(params, x, Key(0, step))
        loss, loss_cache = loss_layer.forward(logits, labels)
        grads = dict(tree.walk(model.backward(loss_layer.backward(1.0, loss_cache), cache)[1]))
        for name, leaf in tree.walk(leaves):
            leaf[...] = grads[name]
        seen.append((loss, gradient.copy(), update.step(step, 3e-3, 1)[0]))
    return tuple(seen)


@optimizers
def test_20_steps_in_float64(xp, workers, optimizer):
    device, host = (steps_in_float64(module, optimizer, workers) for module in (xp, np))
    agree(device, host, 1e-10)
    assert len({float(loss) for loss, _, _ in host}) == STEPS


def steps_of_the_trainer(xp, optimizer, **recipe):
    """(loss, gradient) of each step; weights and their mean; the sums."""
    config = Config(**SIZES, patch_size=2, dim=8, depth=2, heads=2, mlp_dim=12)
    recipe = Recipe(optimizer=optimizer, lr=3e-3, ema=0.9, **recipe)
    with Workers(1) as worker:
        trained, seen = Trainer(config, recipe, STEPS, MEAN, STD, worker, xp), []
        for images, labels in prepared(xp):
            before = trained.sums.totals["loss"]
            trained.train_step(images, labels)
            seen.append(
                (trained.sums.totals["loss"] - before, trained.gradient_sums.vectors[0].copy())
            )
        return tuple(seen), (trained.vector, trained.update.state["ema"]), trained.read_sums()


@optimizers
def test_20_steps_of_the_trainer(xp, optimizer):
    """Weights are not compared: if a gradient is only rounding error, Adam's step is random."""
    (device, _, device_sums), (host, _, host_sums) = (
        steps_of_the_trainer(module, optimizer) for module in (xp, np)
    )
    agree(device, host, 1e-4)
    for name in ("count", "bad_step"):
        assert device_sums[name] == host_sums[name]
    assert device_sums["loss"] == pytest.approx(host_sums["loss"], rel=1e-4)


@pytest.mark.parametrize(
    ("optimizer", "micro_batch"), [("adamw", 0), ("sgd", 0), ("muon", 0), ("muon", 4)]
)
def test_the_same_run_again_has_the_same_bits(xp, optimizer, micro_batch):
    first, again = (steps_of_the_trainer(xp, optimizer, micro_batch=micro_batch) for _ in range(2))
    assert first[2] == again[2]
    for one, other in zip(arrays(first[:2]), arrays(again[:2]), strict=True):
        assert to_host(one).tobytes() == to_host(other).tobytes()
