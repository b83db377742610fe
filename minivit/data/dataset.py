"""What a data set is in memory: training and test images with their labels or targets."""

import math
from dataclasses import dataclass

import numpy as np

from ..errors import DataError


@dataclass(frozen=True)
class Dataset:
    """Images with class labels, or with targets of another kind, in a training and a test set.

    name          printed with results ("cifar10", "shapes", the name of a directory)
    classes       the name of each class: label k means classes[k]; empty if there are none
    train_images  (N, H, W, C) uint8, channels last, C-contiguous
    train_labels  with classes: (N,) int64, each 0 <= label < len(classes)
                  without: targets (N, ...) float32, finite, C-contiguous
    test_images, test_labels   the same; no decision during training may depend on them
    note          text for the caller to print, "" if there is none
    target_names  a name for each target, () where they have none
    placed        whether the targets tell of places, so that an image must not be moved or turned
    divided       whether the test set was drawn from all images, and not given as such
    train_files, test_files    the name of each image's file, () where they have none

    Raises DataError if any of this does not hold.
    """

    name: str
    classes: tuple[str, ...]
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    note: str = ""
    target_names: tuple[str, ...] = ()
    placed: bool = False
    divided: bool = False
    train_files: tuple[str, ...] = ()
    test_files: tuple[str, ...] = ()

    @property
    def outputs(self):
        """How many numbers a model says of an image: one for each class, or for each target."""
        return len(self.classes) or math.prod(self.train_labels.shape[1:])

    def __post_init__(self):
        for split in ("train", "test"):
            images, labels = getattr(self, f"{split}_images"), getattr(self, f"{split}_labels")
            where = f"{self.name}: the {split} set"
            _check_images(images, where)
            if (files := getattr(self, f"{split}_files")) and len(files) != len(images):
                raise DataError(f"{where} has {len(images)} images and {len(files)} files.")
            if self.classes:
                _check_labels(labels, len(images), len(self.classes), where)
            else:
                _check_targets(labels, len(images), where)
        for what, train, test in (
            ("images", self.train_images, self.test_images),
            ("targets", self.train_labels, self.test_labels),
        ):
            if train.shape[1:] != test.shape[1:]:
                raise DataError(
                    f"{self.name}: train {what} are {train.shape[1:]} and test {what} "
                    f"{test.shape[1:]}; both must have the same size."
                )
        if self.target_names and self.train_labels.shape[1:] != (len(self.target_names),):
            raise DataError(
                f"{self.name} has {len(self.target_names)} names of targets, and targets of shape "
                f"{self.train_labels.shape}."
            )


def _check_images(images, where):
    if images.dtype != np.uint8 or images.ndim != 4 or not images.flags.c_contiguous:
        raise DataError(
            f"{where} has images of {images.dtype} {images.shape}; "
            "they must be contiguous uint8 (N, H, W, C)."
        )
    if images.size == 0:
        raise DataError(f"{where} has no images.")


def _check_labels(labels, count, classes, where):
    if labels.dtype != np.int64 or labels.shape != (count,):
        raise DataError(
            f"{where} has labels of {labels.dtype} {labels.shape}; "
            f"they must be int64 ({count},), one for each image."
        )
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        raise DataError(
            f"{where} has label {labels[wrong[0]]} at index {wrong[0]}; "
            f"labels are 0 to {classes - 1}."
        )


def _check_targets(targets, count, where):
    """Targets of a data set without classes: (count, ...) float32, finite."""
    if (
        targets.dtype != np.float32
        or targets.shape[:1] != (count,)
        or not targets.size
        or not targets.flags.c_contiguous
    ):
        raise DataError(
            f"{where} has no classes and targets of {targets.dtype} {targets.shape}; without "
            f"classes, targets must be contiguous float32 ({count}, ...), one for each image."
        )
    wrong = np.flatnonzero(~np.isfinite(targets).reshape(count, -1).all(axis=1))
    if wrong.size:
        raise DataError(
            f"{where} has a target at index {wrong[0]} that is not finite; all must be numbers."
        )
