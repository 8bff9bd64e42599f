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
    counted = truth != IGNORE_INDEX
    cells = truth[counted].long() * classes + prediction[counted].long()
    counts: NDArray[np.int64] = torch.bincount(cells, minlength=classes * classes).cpu().numpy()
    return counts.reshape(classes, classes)


def class_ious(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intersection over union of each class, (C,); NaN for a class that the truth does not hold.

    Args:
        confusion: (C, C), rows the true class. Pixels falsely predicted as an absent class still count
            against the classes they belong to.
    """
    truth = confusion.sum(axis=1)
    union = truth + confusion.sum(axis=0) - np.diagonal(confusion)
    intersection = np.diagonal(confusion).astype(np.float64)
    ious = np.full(len(truth), np.nan)
    np.divide(intersection, union, out=ious, where=truth > 0)
    return ious


def foreground_miou(confusion: NDArray[np.int64]) -> float:
    """Mean IoU over the classes 1 to C - 1 that the truth holds; NaN where it holds none of them."""
    ious = class_ious(confusion)[1:]
    present = ious[~np.isnan(ious)]
    return float(present.mean()) if len(present) else float("nan")
