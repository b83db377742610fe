"""The three probes against slow, plain computations; and all blocks of a small model."""

import numpy as np
import pytest
from cases import tiny

from minivit import inside, tree
from minivit.probe.logistic import Logistic
from minivit.probe.neighbours import Neighbours
from minivit.probe.probing import PROBES, count_of_probes, probe, standardised
from minivit.probe.ridge import Ridge
from minivit.trained import Trained

CLASSES = 3


def clouds(count=90, dim=5, spread=1.0, seed=0):
    """Points around a centre for each class -> x (n, D) standardised, labels, who is held out."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, count)
    x = 2 * np.eye(CLASSES, dim)[labels] + spread * rng.standard_normal((count, dim))
    return standardised(x)[0], labels, rng.random(count) < 0.3


def test_ridge_is_least_squares_with_a_penalty():
    """Against a plain solver: rows sqrt(n strength) I that ask for w = 0 are added to x."""
    x, labels, held_out = clouds()
    fitted = Ridge((0.03,)).fit(x, labels, CLASSES, held_out)
    y = np.eye(CLASSES)[labels]
    rows = np.concatenate([x - x.mean(0), np.sqrt(0.03 * len(x)) * np.eye(5)])
    w = np.linalg.lstsq(rows, np.concatenate([y - y.mean(0), np.zeros((5, CLASSES))]), rcond=None)[
        0
    ]
    new = clouds(seed=1)[0]
    np.testing.assert_allclose(fitted.scores(new), (new - x.mean(0)) @ w + y.mean(0), rtol=1e-9)


def test_ridge_takes_the_strength_that_is_best_on_held_out_images():
    rng = np.random.default_rng(3)
    x, labels = rng.standard_normal((60, 50)), rng.integers(0, CLASSES, 60)
    x[:, 0] += 3 * labels
    held_out = np.arange(60) >= 40
    fitted = Ridge((1e-9, 1e-1, 1e9)).fit(x, labels, CLASSES, held_out)
    right = {}
    for strength in fitted.strengths:
        alone = Ridge((strength,)).fit(x[:40], labels[:40], CLASSES, np.arange(40) == 0)
        right[strength] = (alone.scores(x[40:]).argmax(1) == labels[40:]).mean()
    assert right[fitted.strength] == max(right.values()) and len(set(right.values())) > 1


def test_logistic_regression_is_at_its_minimum():
    """Against another minimiser of the loss, which is written anew here and has no gradient."""
    optimize = pytest.importorskip("scipy.optimize")
    x, labels, held_out = clouds(spread=2.0)
    fitted = Logistic((0.01,), steps=500).fit(x, labels, CLASSES, held_out)

    def loss(flat):
        w = flat.reshape(6, CLASSES)
        logits = x @ w[:5] + w[5]
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        own = -np.log(p[np.arange(len(labels)), labels]).mean()
        return own + 0.005 * (w[:5] ** 2).sum()

    found = optimize.minimize(loss, np.zeros(18), options={"gtol": 1e-7}).x.reshape(6, CLASSES)
    np.testing.assert_allclose(fitted.weights[:5], found[:5], atol=1e-3)


def test_neighbours_vote_by_similarity():
    x, labels, _ = clouds(40)
    new = clouds(7, seed=1)[0]
    scores = Neighbours(k=4, temperature=0.5).fit(x, labels, CLASSES).scores(new)
    for row, point in zip(scores, new, strict=True):
        similarity = [point @ o / np.linalg.norm(point) / np.linalg.norm(o) for o in x]
        want = np.zeros(CLASSES)
        for i in sorted(range(40), key=lambda i: -similarity[i])[:4]:
            want[labels[i]] += np.exp((similarity[i] - 1) / 0.5)
        np.testing.assert_allclose(row, want, rtol=1e-9)


def test_with_fewer_images_than_neighbours_all_vote():
    x, labels, _ = clouds(5)
    scores = Neighbours(k=20).fit(x, labels, CLASSES).scores(x)
    assert (scores.argmax(axis=1) == labels).all()


@pytest.mark.parametrize("kind", PROBES.values())
def test_each_probe_learns_what_is_easy(kind):
    if kind is Logistic:
        pytest.importorskip("scipy")
    x, labels, held_out = clouds(300, spread=0.3)
    new, answers, _ = clouds(100, spread=0.3, seed=1)
    scores = kind().fit(x, labels, CLASSES, held_out).scores(new)
    assert scores.shape == (100, CLASSES) and (scores.argmax(axis=1) == answers).mean() > 0.97


@pytest.mark.parametrize("pool", ["class", "mean"])
def test_every_block_is_probed(pool):
    """A mark of the class stands in the images, so a random model passes it on."""
    pytest.importorskip("scipy")
    model, rng = tiny(pool=pool, depth=2), np.random.default_rng(0)
    params = tree.map(np.float32, model.init(rng))
    c = model.config
    ones = np.ones(c.channels, np.float32)
    trained = Trained(c, params, (), 0.5 * ones, 0.3 * ones, PROBING)
    labels = rng.integers(0, 2, 80)
    images = rng.integers(0, 60, (80, c.image_size, c.image_size, c.channels), dtype=np.uint8)
    images[labels == 1] += 150
    done = []
    rows = probe(trained, (images[:60], labels[:60]), (images[60:], labels[60:]), 2, 0, done.append)
    kinds = ["class", "mean", "both"] if pool == "class" else ["mean"]
    assert [(row.block, row.features) for row in rows] == [(b, k) for b in range(2) for k in kinds]
    assert sum(done) == 80 + count_of_probes(c)
    assert all(min(row[2:]) > 0.9 for row in rows if row.features != "class" or row.block)


@pytest.mark.parametrize("pool", ["class", "mean"])
def test_summaries_are_of_the_tokens_after_each_block(pool):
    model, rng = tiny(pool=pool, depth=2), np.random.default_rng(1)
    params = tree.map(np.float64, model.init(rng))
    c = model.config
    images = rng.standard_normal((3, c.image_size, c.image_size, c.channels))
    found = inside.summaries(model, params, images)
    for block in range(2):
        tokens = inside.features(model, params, images, block)
        mean = sum(tokens[:, t] for t in range(c.prefix_tokens, c.tokens)) / c.patches
        want = [tokens[:, 0], mean] if pool == "class" else [mean]
        np.testing.assert_allclose(found[:, block], np.stack(want, axis=1), rtol=1e-9)


class PROBING:
    """An objective that nobody asks anything."""
