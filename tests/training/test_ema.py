"""The running mean of the weights: its recurrence, what is measured by it, and that it is kept."""

import importlib.util
import sys

import numpy as np
import pytest
import strict_cupy
from cases import draw
from runs import data

from minivit import Config, CrossEntropy, ViT
from minivit.arrays import tree
from minivit.arrays.backend import to_device, to_host
from minivit.data.augment.prepare import Preparation
from minivit.optim.average import average
from minivit.parallel.workers import Workers
from minivit.storage import checkpoint
from minivit.training.recipe import Recipe
from minivit.training.trainer import Trainer
from minivit.training.update import OPTIMIZERS

SIZES = {"image_size": 8, "patch_size": 4, "dim": 8, "depth": 2, "heads": 2, "mlp_dim": 12}
MEAN, STD = [0.5, 0.4, 0.6], [0.2, 0.25, 0.3]
optimizers = pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))


def trainer(workers, xp=np, ema=0.6, sizes=SIZES, **recipe):
    recipe = Recipe(**{"warmup": 0, "lr": 0.01, "ema": ema, **recipe})
    return Trainer(Config(**sizes), recipe, 20, MEAN, STD, workers, xp)


def recurrence(mean, vectors, decay):
    """The mean after the vectors in turn, in float64."""
    mean = mean.astype(np.float64)
    for step, vector in enumerate(vectors, 1):
        d = min(decay, (1 + step) / (10 + step))
        mean = d * mean + (1 - d) * vector
    return mean


@pytest.mark.parametrize(("dtype", "close"), [(np.float64, 1e-14), (np.float32, 1e-6)])
@pytest.mark.parametrize("decay", [0.1, 0.4, 0.999])
def test_average_goes_by_the_recurrence(xp, syncs, decay, dtype, close):
    start, vectors = draw((11,), seed=1, dtype=dtype), draw((9, 11), seed=2, dtype=dtype)
    mean, moved = to_device(start.copy(), xp), to_device(vectors, xp)
    syncs.clear()
    for step in range(1, 10):
        average(mean, moved[step - 1], decay, step)
    assert not syncs and mean.dtype == dtype
    np.testing.assert_allclose(to_host(mean), recurrence(start, vectors, decay), atol=close)
    np.testing.assert_array_equal(to_host(moved), vectors)


@pytest.mark.parametrize(("step", "kept"), [(1, 2 / 11), (2, 3 / 12), (80, 0.9), (81, 0.9)])
def test_the_first_steps_forget_faster(step, kept):
    """How much of a mean of 1 is left when the weights are 0."""
    mean = np.ones(3)
    average(mean, np.zeros(3), 0.9, step)
    np.testing.assert_allclose(mean, kept, rtol=1e-14)
    average(mean, np.zeros(3), 0.0, step)
    assert not mean.any()


@optimizers
def test_a_trainers_mean_follows_its_weights(workers, xp, optimizer, monkeypatch):
    """In many pieces, of several rules: every number of it, once a step."""
    monkeypatch.setattr("minivit.training.update.SLICE_SIZE", 100)
    trained = trainer(workers, xp, optimizer=optimizer)
    start, vectors = np.copy(to_host(trained.vector)), []
    for step in range(6):
        trained.train_step(*data(9, step, xp))
        vectors.append(np.copy(to_host(trained.vector)))
    mean = to_host(trained.update.state["ema"])
    np.testing.assert_allclose(mean, recurrence(start, vectors, 0.6), atol=1e-6)
    assert np.abs(mean - vectors[-1]).max() > 1e-3 and mean.dtype == np.float32


@optimizers
def test_the_weights_themselves_learn_as_without_it(workers, xp, optimizer):
    plain, averaged = (trainer(workers, xp, ema, optimizer=optimizer) for ema in (0.0, 0.9))
    for step in range(3):
        for trained in (plain, averaged):
            trained.train_step(*data(9, step, xp))
    assert to_host(plain.vector).tobytes() == to_host(averaged.vector).tobytes()
    names = [{name.rpartition("/")[0] for name in t.arrays()} for t in (plain, averaged)]
    assert names[1] - names[0] == {"optimizer/ema"}


def test_what_is_measured_is_the_mean(workers, xp):
    trained, plain = (trainer(workers, xp, ema, lr=0.05) for ema in (0.6, 0.0))
    start, vectors = np.copy(to_host(trained.vector)), []
    images, labels = data(23, 99)
    on_device = to_device(images, xp), to_device(labels, xp)
    for (name, one), (_, other) in zip(
        tree.walk(trained.evaluated), tree.walk(plain.params), strict=True
    ):
        assert to_host(one).tobytes() == to_host(other).tobytes(), name  # they start as one
    for step in range(4):
        for t in (trained, plain):
            t.train_step(*data(9, step, xp))
        vectors.append(np.copy(to_host(trained.vector)))
    mean = tree.views(recurrence(start, vectors, 0.6), trained.places)
    logits = ViT(trained.config).predict(mean, (images / 255 - MEAN) / STD)
    loss, accuracy = trained.evaluate(*on_device, batch_size=10).values()
    assert loss == pytest.approx(float(CrossEntropy().forward(logits, labels)[0]), rel=1e-5)
    assert accuracy == (logits.argmax(axis=1) == labels).mean()
    assert abs(loss - plain.evaluate(*on_device)["loss"]) > 1e-3  # that of the weights themselves


def test_evaluation_leaves_mean_and_weights_alone(workers):
    trained = trainer(workers)
    trained.train_step(*data(9))
    before = {name: value.tobytes() for name, value in trained.arrays().items()}
    trained.evaluate(*data(7))
    assert before == {name: value.tobytes() for name, value in trained.arrays().items()}


@optimizers
def test_it_is_saved_and_comes_back_bit_for_bit(workers, xp, optimizer, tmp_path):
    first = trainer(workers, xp, optimizer=optimizer)
    for step in range(3):
        first.train_step(*data(9, step, xp))
    checkpoint.save(tmp_path / "last.npz", first.arrays(), {})
    arrays, _ = checkpoint.load(tmp_path / "last.npz")
    leaves = [name for name, _ in tree.walk(first.params)]
    assert {f"optimizer/ema/{name}" for name in leaves} <= arrays.keys()
    second = trainer(workers, xp, optimizer=optimizer)
    second.restore(arrays, first.step)
    assert second.evaluate(*data(9, 7, xp)) == first.evaluate(*data(9, 7, xp))
    for trained in (first, second):
        trained.sums.reset()
        trained.train_step(*data(9, 3, xp))
    for name, value in second.arrays().items():
        assert value.tobytes() == first.arrays()[name].tobytes(), name
    assert second.evaluate(*data(9, 7, xp)) == first.evaluate(*data(9, 7, xp))


def test_a_step_with_everything_on_never_waits_for_the_device(workers, syncs):
    sizes = {**SIZES, "dropout": 0.2, "drop_path": 0.3, "patch_dropout": 0.5, "pool": "sequence"}
    trained = trainer(workers, strict_cupy, sizes=sizes, optimizer="muon", micro_batch=3)
    ready = Preparation(policy="rand", erasing=0.5, mixup=0.8, cutmix=1.0)
    images, labels = data(9, xp=strict_cupy)
    syncs.clear()
    for seed in range(3):
        trained.train_step(*ready(images, labels, np.random.default_rng(seed)))
    assert syncs == []
    assert trained.read_sums()["bad_step"] is None


def left_behind(count, processes, optimizer):
    """All that a few steps on mixed pictures leave, as bytes, and what is measured."""
    ready = Preparation(mixup=0.8, cutmix=1.0)
    with Workers(count, processes) as workers:
        trained = trainer(workers, optimizer=optimizer, micro_batch=2)
        for seed, batch in enumerate((17, 17, 3)):
            trained.train_step(*ready(*data(batch, seed), np.random.default_rng(seed)))
        arrays = {name: value.tobytes() for name, value in trained.arrays().items()}
        return arrays, trained.read_sums(), trained.evaluate(*data(21, 9))


@pytest.mark.skipif(
    importlib.util.find_spec("threadpoolctl") is None,
    reason="several workers need threadpoolctl: pip install threadpoolctl",
)
@optimizers
def test_one_worker_and_two_find_the_same_bits(optimizer, monkeypatch):
    monkeypatch.setattr("minivit.training.update.SLICE_SIZE", 100)
    one = left_behind(1, False, optimizer)
    assert left_behind(2, False, optimizer) == one
    if sys.platform == "linux":
        assert left_behind(2, True, optimizer) == one
