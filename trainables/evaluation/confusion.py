"""Confusion matrices, and the IoU that follows from them."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.data.dataset import IGNORE_INDEX


def confusion_matrix(truth: Tensor, prediction: Tensor, classes: int) -> NDArray[np.int64]:
    """Count pixels by true and predicted class.

    Args:
        truth: Class indices of any shape, `IGNORE_INDEX` where a pixel does not count.
        prediction: Class indices of the same shape.
        classes: Number of classes C.

    Returns:
        (C, C), rows the true class, columns the predicted one.
    """
    # Ignored pixels fall into a row of their own: to pick out the others would take five times as long.
    row = torch.where(truth == IGNORE_INDEX, classes, truth.int())
    cells = (row * classes + prediction).flatten()
    counts: NDArray[np.int64] = torch.bincount(cells, minlength=(classes + 1) * classes).cpu().numpy()
    return counts.reshape(classes + 1, classes)[:classes]


def class_ious(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intersection over union of each class, (C,); NaN for a class that the truth does not hold.

    Args:
        confusion: (C, C), rows the true class. Pixels falsely predicted as an absent class still count
            against the classes they belong to.
    """
    hits = np.diagonal(confusion)
    return intersection_over_union(hits, confusion.sum(axis=1), confusion.sum(axis=0))


def intersection_over_union(
    hits: NDArray[np.int64], truth: NDArray[np.int64], prediction: NDArray[np.int64]
) -> NDArray[np.float64]:
    """IoU of each class, hits / (truth + prediction - hits), (C,); NaN for a class that the truth does not hold."""
    ious = np.full(len(truth), np.nan)
    np.divide(hits, truth + prediction - hits, out=ious, where=truth > 0)
    return ious


def foreground_mean(values: NDArray[np.float64]) -> float:
    """Mean over the classes 1 to C - 1 that have a value; NaN where none has."""
    present = values[1:][~np.isnan(values[1:])]
    return float(present.mean()) if len(present) else float("nan")


def foreground_miou(confusion: NDArray[np.int64]) -> float:
    """Mean IoU over the classes 1 to C - 1 that the truth holds; NaN where it holds none of them."""
    return foreground_mean(class_ious(confusion))
