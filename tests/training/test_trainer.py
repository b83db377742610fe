"""The trainer: a step of it against the same step written out, and what a step may not do."""

import math
import tracemalloc

import numpy as np
import pytest
import strict_cupy
from runs import data

from minivit import Config, CrossEntropy, Key, ViT
from minivit.arrays import tree
from minivit.arrays.backend import to_device, to_host
from minivit.arrays.keys import generator
from minivit.optim.adamw import AdamW
from minivit.training.recipe import Recipe
from minivit.training.trainer import Trainer

SIZES = {"image_size": 8, "patch_size": 2, "dim": 8, "depth": 2, "heads": 2, "mlp_dim": 12}
MEAN, STD = [0.5, 0.4, 0.6], [0.2, 0.25, 0.3]


def trainer(workers, xp=np, steps=20, dropout=0.1, **recipe):
    config = Config(**SIZES, dropout=dropout)
    return Trainer(config, Recipe(**{"warmup": 0, **recipe}), steps, MEAN, STD, workers, xp)


def shake(trained):
    """Other weights than the first ones, whose head is zero and hides all else."""
    rng = np.random.default_rng(8)
    host = rng.standard_normal(trained.vector.shape).astype(np.float32) * np.float32(0.3)
    trained.vector[...] = to_device(host, trained.xp)


def by_hand(start, batches, recipe, steps):
    """The same steps written out in float64, each batch whole -> weights by name, losses."""
    model, loss_layer = ViT(Config(**SIZES, dropout=0.1)), CrossEntropy(recipe.smoothing)
    params = tree.map(lambda leaf: leaf.astype(np.float64), start)
    rule, losses = AdamW(), []
    state = {name: rule.init(leaf) for name, leaf in tree.walk(params)}
    for step, (images, labels) in enumerate(batches, 1):
        x = (images / 255 - MEAN) / STD
        logits, cache = model.forward(params, x, Key(recipe.seed, step, 0))
        loss, loss_cache = loss_layer.forward(logits, labels)
        _, grads = model.backward(loss_layer.backward(1.0, loss_cache), cache)
        grads, losses = dict(tree.walk(grads)), [*losses, float(loss)]
        norm = math.sqrt(sum((g * g).sum() for g in grads.values()))
        lr = recipe.lr * (1 + math.cos(math.pi * step / steps)) / 2
        for name, leaf in tree.walk(params):
            decay = recipe.weight_decay if name.endswith(".w") else 0.0
            g = grads[name] * min(1.0, recipe.clip / norm)
            rule.update(leaf, g, state[name], lr, step, decay)
    return dict(tree.walk(params)), losses


@pytest.mark.parametrize("clip", [0.05, 1000.0])
def test_micro_batched_steps_equal_the_plain_ones(workers, monkeypatch, clip):
    """Ragged micro-batches, dropout, smoothing, decay, clipping, a short last batch."""
    monkeypatch.setattr(
        "minivit.training.micro_batches.CACHE", 4 * 17 * 24 * 3
    )  # three images each
    monkeypatch.setattr("minivit.training.micro_batches.TOKENS", 1)
    monkeypatch.setattr("minivit.training.micro_batches.WORKERS", 1)
    recipe = Recipe(warmup=0, clip=clip, lr=0.01, weight_decay=0.3)
    trained = trainer(workers, clip=clip, lr=0.01, weight_decay=0.3)
    shake(trained)
    start = tree.map(np.copy, trained.params)
    batches = [data(n, seed) for seed, n in enumerate((11, 11, 11, 5))]
    assert len({b - a for a, b in trained.micro_batches(11)}) == 2  # they are ragged
    for images, labels in batches:
        trained.train_step(images, labels)
    weights, losses = by_hand(start, batches, recipe, 20)
    for name, leaf in tree.walk(trained.params):
        judged = slice(None)
        if name.endswith("qkv.b"):  # the key bias has no gradient, and AdamW makes steps of noise
            judged = np.r_[: leaf.size // 3, 2 * leaf.size // 3 : leaf.size]
        np.testing.assert_allclose(leaf[judged], weights[name][judged], atol=5e-5, err_msg=name)
        assert np.abs(leaf - dict(tree.walk(start))[name]).max() > 2e-3, name  # it has moved
    sums = trained.read_sums()
    expected = sum(loss * len(labels) for loss, (_, labels) in zip(losses, batches, strict=True))
    assert sums["loss"] == pytest.approx(expected, rel=1e-4) and sums["count"] == 38


def test_decay_is_for_matrices_only(workers):
    """A learning rate so small that the gradient's share vanishes beside a large decay's."""
    trained = trainer(workers, lr=1e-6, weight_decay=1e5)
    shake(trained)
    before = tree.map(np.copy, trained.params)
    trained.train_step(*data(4))
    for (name, new), (_, old) in zip(tree.walk(trained.params), tree.walk(before), strict=True):
        share = 0.9 if name.endswith(".w") else 1.0
        np.testing.assert_allclose(new, old * share, atol=1e-3, err_msg=name)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
def test_a_step_never_waits_for_the_device(workers, syncs, optimizer):
    trained = trainer(workers, strict_cupy, optimizer=optimizer)
    images, labels = data(6, xp=strict_cupy)
    syncs.clear()
    for _ in range(5):
        trained.train_step(images, labels)
    assert syncs == []
    sums = trained.read_sums()
    assert 1 <= len(syncs) <= 5 and sums["count"] == 30 and sums["bad_step"] is None


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
def test_device_follows_the_host_over_20_steps(workers, xp, optimizer):
    """On a GPU a batch is not cut, so sums are rounded in another order, and no more."""
    runs = []
    for module in (np, xp):
        trained = trainer(workers, module, optimizer=optimizer)
        for step in range(20):
            trained.train_step(*data(9, step, module))
        measured = trained.evaluate(*data(30, 99, module), batch_size=20)
        runs.append((to_host(trained.vector), trained.read_sums(), measured))
    (host, host_sums, host_measured), (device, device_sums, device_measured) = runs
    np.testing.assert_allclose(device, host, atol=2e-4)
    assert device_sums["loss"] == pytest.approx(host_sums["loss"], rel=1e-4)
    assert device_sums["count"] == host_sums["count"] == 180
    assert device_measured == pytest.approx(host_measured, rel=1e-4)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
def test_every_parameter_moves(workers, optimizer):
    """In two steps: the head starts at zero, so the first gradient stops there."""
    trained = trainer(workers, optimizer=optimizer, lr=0.01, weight_decay=0)
    before = tree.map(np.copy, trained.params)
    for step in range(3):
        trained.train_step(*data(8, step))
    for (name, new), (_, old) in zip(tree.walk(trained.params), tree.walk(before), strict=True):
        assert (new != old).any(), name


def test_first_loss_is_ln_10(workers):
    trained = trainer(workers, smoothing=0)
    trained.train_step(*data(64))
    assert trained.read_sums()["loss"] / 64 == pytest.approx(math.log(10), abs=0.1)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_32_images_are_learnt_by_heart(workers, optimizer):
    config = Config(**{**SIZES, "dim": 32, "mlp_dim": 64, "heads": 4})
    recipe = Recipe(optimizer=optimizer, lr=3e-3, smoothing=0)
    trained = Trainer(config, recipe, 200, MEAN, STD, workers)
    images, labels = data(32)
    for _ in range(200):
        trained.train_step(images, labels)
        if trained.step % 20 == 0 and trained.evaluate(images, labels)["accuracy"] == 1.0:
            return
    pytest.fail(f"accuracy {trained.evaluate(images, labels)['accuracy']:.0%} after 200 steps")


def test_evaluation_is_the_plain_mean_and_changes_nothing(workers):
    trained = trainer(workers, dropout=0.5)
    shake(trained)
    images, labels = data(23)
    before = trained.vector.tobytes(), trained.read_sums()
    loss, accuracy = trained.evaluate(images, labels, batch_size=10).values()
    assert (trained.vector.tobytes(), trained.read_sums()) == before
    params = tree.map(lambda leaf: leaf.astype(np.float64), trained.params)
    logits = trained.model.predict(params, (images / 255 - MEAN) / STD)
    assert loss == pytest.approx(float(CrossEntropy().forward(logits, labels)[0]), rel=1e-5)
    assert accuracy == (logits.argmax(axis=1) == labels).mean()


def test_dropout_is_on_in_training_and_drawn_anew_each_step(workers):
    """With a learning rate of nearly nothing, equal batches differ in loss by their masks only."""
    losses = []
    trained = trainer(workers, dropout=0.5, lr=1e-30, weight_decay=0)
    shake(trained)
    for _ in range(3):
        trained.sums.reset()
        trained.train_step(*data(4))
        losses.append(trained.read_sums()["loss"])
    assert len(set(losses)) == 3


def test_seed_decides_everything(workers):
    def weights(seed):
        trained = trainer(workers, seed=seed)
        trained.train_step(*data(4))
        return trained.vector.tobytes()

    assert weights(1) == weights(1) != weights(2)
    start = ViT(Config(**SIZES)).init(generator(1, "init"))
    np.testing.assert_array_equal(
        trainer(workers, seed=1).params["patch"]["w"], start["patch"]["w"].astype(np.float32)
    )


@pytest.mark.filterwarnings("error")
def test_first_step_that_is_not_finite_is_remembered(workers, xp):
    trained = trainer(workers, xp)
    for step in range(6):
        if step == 2:
            trained.params["head"]["b"][...] = np.inf
        trained.train_step(*data(4, step, xp))
    assert trained.read_sums()["bad_step"] == 3


@pytest.mark.filterwarnings("error")
def test_a_gradient_that_is_not_finite_counts_though_its_loss_was(workers, xp):
    trained = trainer(workers, xp)
    backward = trained.model.backward

    def spoilt(dlogits, cache):
        dimages, grads = backward(dlogits, cache)
        grads["head"]["b"] = grads["head"]["b"] * (np.nan if trained.step == 2 else 1.0)
        return dimages, grads

    trained.model.backward = spoilt
    for step in range(4):
        trained.train_step(*data(4, step, xp))
    assert trained.read_sums()["bad_step"] == 2


@pytest.mark.filterwarnings("error")
def test_an_update_that_overflows_is_found_before_the_next_loss(workers):
    trained = trainer(workers, lr=1e38, weight_decay=1e5)
    shake(trained)
    trained.train_step(*data(4))
    sums = trained.read_sums()
    assert math.isfinite(sums["loss"]) and sums["bad_step"] == 1


def test_state_goes_out_and_comes_back(workers, xp):
    first, second = trainer(workers, xp), trainer(workers, xp, seed=5)
    for step in range(3):
        first.train_step(*data(4, step, xp))
    saved = {name: np.array(value) for name, value in first.arrays().items()}
    second.restore(saved, first.step)
    names = {"model/patch.w", "optimizer/m/patch.w", "optimizer/v/head.b"}
    assert names <= saved.keys() and second.step == 3
    for name, value in second.arrays().items():
        assert value.tobytes() == saved[name].tobytes(), name


def test_memory_does_not_grow(workers):
    """Of arrays; Python's own includes thousands of freed tuples that it keeps for later."""
    of_arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)

    def held(steps):
        for _ in range(steps):
            trained.train_step(*batch)
        traces = tracemalloc.take_snapshot().filter_traces([of_arrays]).traces
        return sum(trace.size for trace in traces)

    tracemalloc.start()
    try:
        trained, batch = trainer(workers), data(8)
        before, after = held(5), held(100)
    finally:
        tracemalloc.stop()
    assert trained.vector.nbytes < before and after < before + 100
