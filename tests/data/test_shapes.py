"""The built-in images: reproducible, balanced, and not classifiable from single pixels."""

import numpy as np
import pytest

from minivit.data.sources.shapes import FIGURES, MARKS, load
from minivit.errors import DataError


@pytest.fixture(scope="module")
def shapes():
    return load(seed=0, train=4_000, test=1_000)


def one_hot(labels):
    return np.eye(len(FIGURES))[labels]


def test_shapes_dtypes_and_names(shapes):
    assert shapes.name == "shapes" and shapes.note == ""
    assert shapes.classes == tuple(FIGURES) and len(shapes.classes) == 10
    assert shapes.train_images.shape == (4_000, 32, 32, 3)
    assert shapes.test_images.shape == (1_000, 32, 32, 3)
    assert shapes.train_images.dtype == shapes.test_images.dtype == np.uint8
    assert shapes.train_labels.shape == (4_000,) and shapes.test_labels.shape == (1_000,)
    assert shapes.train_labels.dtype == shapes.test_labels.dtype == np.int64


def test_same_seed_same_images():
    one, two = load(seed=3, train=300, test=20), load(seed=3, train=300, test=20)
    for field in ("train_images", "train_labels", "test_images", "test_labels"):
        np.testing.assert_array_equal(getattr(one, field), getattr(two, field))


def test_other_seed_other_images_and_other_order():
    one, two = load(seed=3, train=300, test=20), load(seed=4, train=300, test=20)
    assert not (one.train_images == two.train_images).all(axis=(1, 2, 3)).any()
    assert (one.train_labels != two.train_labels).any()


def test_the_test_images_do_not_depend_on_the_number_of_training_images():
    one, two = load(seed=3, train=10, test=50), load(seed=3, train=70, test=50)
    np.testing.assert_array_equal(one.test_images, two.test_images)


def test_no_image_occurs_twice(shapes):
    images = np.concatenate([shapes.train_images, shapes.test_images])
    assert len({image.tobytes() for image in images}) == len(images)


def test_classes_are_balanced_and_shuffled(shapes):
    np.testing.assert_array_equal(np.bincount(shapes.train_labels), np.full(10, 400))
    np.testing.assert_array_equal(np.bincount(shapes.test_labels), np.full(10, 100))
    assert len(np.unique(shapes.train_labels[:100])) == 10
    uneven = np.bincount(load(train=23, test=1).train_labels, minlength=10)
    assert uneven.sum() == 23 and uneven.max() - uneven.min() == 1


def test_an_empty_part_is_refused():
    with pytest.raises(DataError, match="the test set has no images"):
        load(train=10, test=0)


@pytest.mark.parametrize("name", FIGURES)
def test_figures_have_equal_marks_and_are_their_own_mirror_images(name):
    rows = FIGURES[name].split()
    assert [len(row) for row in rows] == [5] * 5
    assert "".join(rows).count("o") == MARKS
    assert [row[::-1] for row in rows] == rows


def test_no_figure_is_another_one_shifted():
    """A random crop shifts the image and must not turn one class into another."""

    def trimmed(rows):
        cells = np.argwhere(np.array([list(row) for row in rows]) == "o")
        return frozenset(map(tuple, (cells - cells.min(axis=0)).tolist()))

    assert len({trimmed(art.split()) for art in FIGURES.values()}) == len(FIGURES)


def covered(images):
    """Where the marks are: far from the grey of the background, in any of the three channels."""
    return np.abs(images.astype(np.float64) - 127.5).max(axis=-1) > 30


def test_images_show_the_figures_of_their_labels_also_when_mirrored(shapes):
    """Each image is nearest to the average covered area of its class, also when mirrored.

    The areas tell the class, unlike the raw pixels, so this fails if labels and images are
    paired wrongly, or if a mirror image belongs to another class.
    """
    train = covered(shapes.train_images).reshape(4_000, -1).astype(float)
    means = one_hot(shapes.train_labels).T @ train / 400  # (10, 1024)
    for images in (shapes.test_images, shapes.test_images[:, :, ::-1]):
        area = covered(images).reshape(1_000, -1)
        distance = (means**2).sum(axis=1) - 2 * area @ means.T
        assert np.mean(distance.argmin(axis=1) == shapes.test_labels) > 0.7


def test_every_class_has_the_same_average_area_and_colours(shapes):
    area = covered(shapes.train_images).mean(axis=(1, 2))
    per_class = one_hot(shapes.train_labels).T @ area / 400
    assert per_class.max() / per_class.min() < 1.1
    colour = one_hot(shapes.train_labels).T @ shapes.train_images.mean(axis=(1, 2)) / 400
    assert np.abs(colour - 127.5).max() < 2  # grey levels; the background is 127.5


def test_softmax_regression_on_pixels_stays_under_30_percent(shapes):
    rng = np.random.default_rng(0)
    x = (shapes.train_images.reshape(4_000, -1) / np.float32(127.5) - 1).astype(np.float32)
    w = np.zeros((x.shape[1], 10), np.float32)
    targets = one_hot(shapes.train_labels).astype(np.float32)
    for _ in range(8):
        for batch in np.array_split(rng.permutation(4_000), 32):
            scores = np.exp(x[batch] @ w)
            error = scores / scores.sum(axis=1, keepdims=True) - targets[batch]
            w -= 0.05 * x[batch].T @ error / len(batch)
    test = shapes.test_images.reshape(1_000, -1) / np.float32(127.5) - 1
    assert np.mean((x @ w).argmax(axis=1) == shapes.train_labels) > 0.3  # it did memorise
    assert np.mean((test @ w).argmax(axis=1) == shapes.test_labels) < 0.3
