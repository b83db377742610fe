"""What a data set is once it is in memory: two sets of pictures with their labels."""

from dataclasses import dataclass

import numpy as np

from ..errors import DataError


@dataclass(frozen=True)
class Dataset:
    """Labelled images, split into a training set and a test set.

    name          what to call it beside a result ("cifar10", "shapes", a directory's name)
    classes       one name per class; label k is the class classes[k]
    train_images  (N, H, W, C) uint8, channels last, C-contiguous
    train_labels  (N,) int64, each 0 <= label < len(classes)
    test_images, test_labels   the same, for images that no decision may look at
    note          one line for the caller to print, "" if there is nothing to say

    Raises DataError when any of this does not hold.
    """

    name: str
    classes: tuple[str, ...]
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    note: str = ""

    def __post_init__(self):
        self._check("train", self.train_images, self.train_labels)
        self._check("test", self.test_images, self.test_labels)
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            raise DataError(
                f"{self.name}: train images are {self.train_images.shape[1:]} and test images "
                f"{self.test_images.shape[1:]}; both must have one size."
            )

    def _check(self, split, images, labels):
        where = f"{self.name}: the {split} set"
        if images.dtype != np.uint8 or images.ndim != 4 or not images.flags.c_contiguous:
            raise DataError(
                f"{where} has images of {images.dtype} {images.shape}; "
                "they must be contiguous uint8 (N, H, W, C)."
            )
        if images.size == 0:
            raise DataError(f"{where} has no images.")
        if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
            raise DataError(
                f"{where} has labels of {labels.dtype} {labels.shape}; "
                f"they must be int64 ({len(images)},), one for each image."
            )
        wrong = np.flatnonzero((labels < 0) | (labels >= len(self.classes)))
        if wrong.size:
            raise DataError(
                f"{where} has label {labels[wrong[0]]} at index {wrong[0]}; "
                f"labels are 0 to {len(self.classes) - 1}."
            )
