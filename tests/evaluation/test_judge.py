"""A model is judged after training as the trainer judged it, and then in more detail."""

from dataclasses import replace

import numpy as np
import pytest
from runs import data

from minivit import Config, ViT
from minivit.arrays import tree
from minivit.errors import CheckpointError, ConfigError
from minivit.evaluation.judge import Classified, evaluate
from minivit.objective import Classification
from minivit.parallel.workers import Workers
from minivit.trained import Trained
from minivit.training.recipe import Recipe
from minivit.training.trainer import Trainer

CONFIG = Config(image_size=8, patch_size=4, dim=8, depth=1, heads=2, mlp_dim=8)
MEAN, STD = np.float32([0.4, 0.5, 0.6]), np.float32([0.2, 0.2, 0.3])


@pytest.fixture(scope="module")
def trained():
    """A model whose weights are all at random."""
    rng = np.random.default_rng(0)
    leaves = tree.walk(ViT(CONFIG).init(None))
    drawn = ((n, rng.standard_normal(leaf.shape).astype(np.float32) / 2) for n, leaf in leaves)
    names = tuple("abcdefghij")
    return Trained(CONFIG, tree.unwalk(drawn), names, MEAN, STD, Classification(10))


@pytest.mark.parametrize("count", [7, 1030])
@pytest.mark.parametrize("micro_batch", [0, 5])
def test_the_numbers_are_the_trainers_to_the_last_bit(trained, count, micro_batch, workers):
    """Over several batches of 500, the last of them short, on threads and in worker processes."""
    images, labels = data(count)
    trainer = Trainer(CONFIG, Recipe(micro_batch=micro_batch), 1, MEAN, STD, workers)
    tree.map(np.copyto, trainer.evaluated, trained.params)
    want = trainer.evaluate(images, labels)
    with Workers(2) as two:
        trainer = Trainer(CONFIG, Recipe(micro_batch=micro_batch), 1, MEAN, STD, two)
        tree.map(np.copyto, trainer.evaluated, trained.params)
        assert trainer.evaluate(images, labels) == want
        for given in (1, 3, two):
            found = evaluate(trained, images, labels, micro_batch=micro_batch, workers=given)
            assert found.values == want and found.count == count
            assert found.details.accuracy == want["accuracy"]
            assert found.details.loss == pytest.approx(want["loss"], rel=1e-5)


@pytest.mark.parametrize("processes", [False, None])
def test_all_images_are_seen_in_their_order(trained, processes):
    images, labels = data(600)
    done = []
    with Workers(3, processes) as workers:
        found = evaluate(trained, images, labels, flip=True, workers=workers, done=done.append)
    x = (images / np.float32(255) - MEAN) / STD
    logits = trained.model.predict(trained.params, x.astype(np.float32))
    np.testing.assert_allclose(found.details.scores, logits, atol=2e-4)
    assert sum(done) == 2 * 600


def test_flip_is_the_mean_over_each_image_and_its_mirror_image(trained):
    images, labels = data(40)
    plain, flip = evaluate(trained, images, labels), evaluate(trained, images, labels, flip=True)
    assert plain.flipped is None and flip.values == plain.values  # it is not the accuracy
    mirror = evaluate(trained, np.ascontiguousarray(images[:, :, ::-1]), labels)
    want = (plain.details.probabilities + mirror.details.probabilities) / 2
    np.testing.assert_allclose(flip.flipped.probabilities, want)
    assert flip.flipped.loss == pytest.approx(-np.log(want[np.arange(40), labels]).mean())
    assert abs(flip.flipped.loss - plain.details.loss) > 1e-3
    again = evaluate(trained, images[:, :, ::-1], labels, flip=True)
    np.testing.assert_allclose(again.flipped.probabilities, want, rtol=1e-6)


def test_what_follows_from_the_probabilities():
    scores = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.4, 0.1], [0.2, 0.2, 0.6]]))
    found = Classified(np.array([0, 1, 1, 0]), scores, np.exp(scores))
    assert found.right.tolist() == [True, True, False, False]
    assert found.accuracy == 0.5 and found.standard_error == 0.25 and found.top5 is None
    assert found.mean_confidence == pytest.approx(0.6)
    assert found.loss == pytest.approx(-np.log([0.7, 0.6, 0.4, 0.2]).mean())
    assert found.matrix.tolist() == [[1, 0, 1], [1, 1, 0], [0, 0, 0]]
    assert found.mistakes(5).tolist() == [3, 2]
    assert found.calibration.error == pytest.approx((0.3 + 2 * abs(0.6 - 0.5) + 0.5) / 4)


def test_another_objective_has_its_own_metrics_only(trained):
    class Darkness:
        """How far the first output is from the target."""

        name, sums = "darkness", {"off": float}
        metrics = Classification.metrics[:1]

        def evaluate(self, output, targets):
            """The sum of distances."""
            return {"off": abs(output[:, 0] - targets).sum()}

        def values(self, sums, count):
            """Per image."""
            return {"loss": sums["off"] / count}

    images, _ = data(30)
    targets = np.random.default_rng(1).random(30).astype(np.float32)
    other = replace(trained, objective=Darkness())
    found = evaluate(other, images, targets)
    assert list(found.values) == ["loss"] and found.details is found.flipped is None
    with pytest.raises(ConfigError, match="flip needs a classification; this is darkness"):
        evaluate(other, images, targets, flip=True)


def test_what_cannot_be_judged_is_refused(trained):
    images, labels = data(4)
    with pytest.raises(ConfigError, match="takes images of 8 x 8 x 3; these are 4 x 8 x 3"):
        evaluate(trained, images[:, :4], labels)
    huge = tree.map(lambda leaf: leaf * np.float32(1e30), trained.params)
    with pytest.raises(CheckpointError, match=r"the model's loss on these images is (nan|inf)"):
        evaluate(replace(trained, params=huge), images, labels)
