"""Segmentation scores from confusion matrices: IoU of each class, and foreground mIoU.

The mean leaves out class 0, the background, and every class that the truth does not contain. Scores are
fractions from 0 to 1.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def class_sums(confusion: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    """All that scores need of a confusion matrix; sums over photos are sums of these.

    Args:
        confusion: Pixel counts (..., C, C), rows = truth.

    Returns:
        Float (..., 3, C): pixels of each class that are right, that the truth has, that were predicted.
    """
    counts = np.asarray(confusion, dtype=np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    return np.stack((hits, counts.sum(axis=-1), counts.sum(axis=-2)), axis=-2)


def iou_of_sums(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of every class, float (..., C), from what `class_sums` gives, (..., 3, C)."""
    hits, truth, predicted = np.moveaxis(sums, -2, 0)
    scores = np.full(hits.shape, np.nan)
    np.divide(hits, truth + predicted - hits, out=scores, where=truth > 0)
    return scores


def foreground_mean(ious: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of IoUs (..., C) over the classes 1 to C - 1 that have one, float (...); NaN where none has."""
    foreground = ious[..., 1:]
    present = ~np.isnan(foreground)
    total = np.where(present, foreground, 0.0).sum(axis=-1)
    number = present.sum(axis=-1)
    means = np.full(total.shape, np.nan)
    np.divide(total, number, out=means, where=number > 0)
    return means


def iou_per_class(confusion: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of every class.

    Args:
        confusion: Pixel counts (..., C, C), rows = truth.

    Returns:
        Float (..., C); NaN for a class that the truth does not contain, even where it was predicted.
    """
    return iou_of_sums(class_sums(confusion))


def foreground_miou(confusion: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean IoU over the classes 1 to C - 1 that the truth contains.

    Args:
        confusion: Pixel counts (..., C, C), rows = truth.

    Returns:
        Float (...); NaN where the truth contains no foreground.
    """
    return foreground_mean(iou_per_class(confusion))


def floor_miou_majority(class_counts: ArrayLike) -> float:
    """Score of always predicting the one class that scores best: the mIoU that any model must beat.

    Predicting foreground class c everywhere gives it the IoU n_c / n, and every other class 0.

    Args:
        class_counts: Labelled pixels of each class, (C,), class 0 the background.

    Raises:
        ValueError: There is no pixel of a foreground class.
    """
    counts = np.asarray(class_counts, dtype=np.float64)
    foreground = counts[1:]
    present = int((foreground > 0).sum())
    if not present:
        raise ValueError("class_counts holds no pixel of a foreground class")
    return float(foreground.max() / counts.sum() / present)
