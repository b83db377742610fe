"""Dataset: what images, labels and targets must be, and one sentence if they are something else."""

import numpy as np
import pytest

from minivit import data
from minivit.data import Dataset
from minivit.errors import DataError

IMAGES = np.zeros((3, 4, 4, 1), np.uint8)
LABELS = np.array([0, 1, 1])
TARGETS = np.linspace(-1, 1, 6, dtype=np.float32).reshape(3, 2)


def dataset(classes=("cat", "dog"), **fields):
    """A Dataset of three training and three test images, with some fields replaced."""
    labels = LABELS if classes else TARGETS
    everything = {
        "train_images": IMAGES,
        "train_labels": labels,
        "test_images": IMAGES,
        "test_labels": labels,
        **fields,
    }
    return Dataset("pets", classes, **everything)


def nan_at(index):
    targets = TARGETS.copy()
    targets[index] = np.nan
    return targets


@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 2, 5)])
def test_without_classes_the_labels_are_targets(shape):
    targets = np.ones(shape, np.float32)
    made = dataset((), train_labels=targets, test_labels=targets[:2], test_images=IMAGES[:2])
    assert made.classes == () and made.train_labels is targets


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"train_images": IMAGES.astype(float)},
            "train set has images of float64 (3, 4, 4, 1)",
        ),
        ({"train_images": IMAGES[0]}, "they must be contiguous uint8 (N, H, W, C)"),
        ({"test_images": IMAGES[:, ::2]}, "they must be contiguous uint8 (N, H, W, C)"),
        ({"test_images": IMAGES[:0], "test_labels": LABELS[:0]}, "the test set has no images"),
        ({"test_images": np.zeros((3, 5, 5, 1), np.uint8)}, "both must have the same size"),
        ({"train_labels": LABELS[:2]}, "labels of int64 (2,); they must be int64 (3,)"),
        ({"train_labels": LABELS.astype(np.int32)}, "labels of int32 (3,); they must be int64"),
        ({"train_labels": TARGETS}, "labels of float32 (3, 2); they must be int64 (3,)"),
        ({"test_labels": LABELS + 1}, "the test set has label 2 at index 1; labels are 0 to 1"),
        ({"test_labels": LABELS - 1}, "the test set has label -1 at index 0; labels are 0 to 1"),
    ],
)
def test_wrong_images_and_labels_are_refused(fields, sentence):
    with pytest.raises(DataError) as caught:
        dataset(**fields)
    assert str(caught.value).startswith("pets: ") and sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"train_labels": LABELS}, "has no classes and targets of int64 (3,); without classes, t"),
        ({"train_labels": TARGETS.astype(float)}, "targets of float64 (3, 2)"),
        ({"train_labels": TARGETS[:2]}, "must be contiguous float32 (3, ...), one for each image"),
        ({"train_labels": TARGETS[:, :0]}, "targets of float32 (3, 0)"),
        ({"train_labels": np.array(1, np.float32)}, "targets of float32 ();"),
        ({"test_labels": TARGETS[:, ::2]}, "the test set has no classes and targets of float32"),
        ({"test_labels": TARGETS[:, :1].copy()}, "train targets are (2,) and test targets (1,)"),
        ({"test_labels": nan_at(2)}, "the test set has a target at index 2 that is not finite"),
        ({"train_labels": nan_at(0)}, "the train set has a target at index 0 that is not finite"),
    ],
)
def test_wrong_targets_are_refused(fields, sentence):
    with pytest.raises(DataError) as caught:
        dataset((), **fields)
    assert str(caught.value).startswith("pets: ") and sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_new_source_is_one_line(monkeypatch):
    """A line of SOURCES is enough for `load`; it receives every argument of `load`."""
    requests = []

    def load(request):
        requests.append(request)
        return dataset()

    monkeypatch.setitem(data.SOURCES, "pets", data.Source(load))
    assert data.load("pets", "some/where", print, seed=5, image_size=8).name == "pets"
    (request,) = requests
    assert (str(request.data_dir), request.say) == ("some/where", print)
    assert (request.seed, request.image_size) == (5, 8)


def test_names_are_those_of_the_table():
    assert data.NAMES == tuple(data.SOURCES) == (
        "auto", "cifar10", "cifar100", "mnist", "fashion-mnist", "shapes", "places",
    )  # fmt: skip
