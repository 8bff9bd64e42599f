"""Boundary IoU: how well contours are met, where large regions hide them from the ordinary IoU.

Cheng et al. 2021, "Boundary IoU: Improving Object-Centric Image Segmentation Evaluation" (arXiv 2103.16562).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trainables.data.dataset import IGNORE_INDEX
from trainables.evaluation.confusion import foreground_mean, intersection_over_union

DIAGONAL_SHARE = 0.02
"""Width of the boundary as a share of the diagonal of what is evaluated as one piece, as in the paper."""


@dataclass(frozen=True, slots=True)
class BoundaryCounts:
    """Boundary pixels of each class over all pieces so far; counts of several pieces add up.

    Attributes:
        hits: (C,), int64, in the class's boundary both in truth and prediction.
        truth: (C,), int64, in its boundary in the truth.
        prediction: (C,), int64, in its boundary in the prediction.
    """

    hits: NDArray[np.int64]
    truth: NDArray[np.int64]
    prediction: NDArray[np.int64]

    @classmethod
    def none(cls, classes: int) -> "BoundaryCounts":
        """Nothing counted yet."""
        zeros = np.zeros(classes, dtype=np.int64)
        return cls(zeros, zeros, zeros)

    def __add__(self, other: "BoundaryCounts") -> "BoundaryCounts":
        return BoundaryCounts(self.hits + other.hits, self.truth + other.truth, self.prediction + other.prediction)

    @property
    def ious(self) -> NDArray[np.float64]:
        """Boundary IoU of each class, (C,); NaN for a class without any contour in the truth."""
        return intersection_over_union(self.hits, self.truth, self.prediction)

    @property
    def miou(self) -> float:
        """Mean over the classes 1 to C - 1 that have a contour in the truth; NaN where none has."""
        return foreground_mean(self.ious)


def boundary_width(height: int, width: int) -> int:
    """Width of the boundary in a piece of height x width px, at least 1 px."""
    return max(1, round(DIAGONAL_SHARE * float(np.hypot(height, width))))


def boundary_counts(truth: NDArray[np.uint8], prediction: NDArray[np.uint8], classes: int) -> BoundaryCounts:
    """Count the boundary pixels of one piece.

    A class's boundary are its pixels that an erosion by `boundary_width` removes: those with another class in
    the square around them. Borders of the piece are no contours, since images may be patches that are cut from a
    photo; pixels without a class neither belong to a boundary nor make one.

    Args:
        truth: (H, W) class indices, `IGNORE_INDEX` where a pixel has no class.
        prediction: (H, W) class indices.
        classes: Number of classes C.
    """
    side = 2 * boundary_width(*truth.shape) + 1
    ignored = truth == IGNORE_INDEX
    in_truth = _boundary(truth, ignored, side)
    in_prediction = _boundary(prediction, ignored, side)
    return BoundaryCounts(
        _per_class(truth[in_truth & in_prediction & (truth == prediction)], classes),
        _per_class(truth[in_truth], classes),
        _per_class(prediction[in_prediction], classes),
    )


def _boundary(labels: NDArray[np.uint8], ignored: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """Where another class lies within the square of `side` px around a pixel: (H, W), for all classes at once."""
    square = np.ones((side, side), dtype=np.uint8)
    # Ignored pixels take the value that cannot win; OpenCV treats what lies beyond the borders likewise.
    greatest = cv2.dilate(np.where(ignored, np.uint8(0), labels), square)
    least = cv2.erode(np.where(ignored, np.uint8(IGNORE_INDEX), labels), square)
    boundary: NDArray[np.bool_] = ((greatest != labels) | (least != labels)) & ~ignored
    return boundary


def _per_class(labels: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    return np.bincount(labels, minlength=classes).astype(np.int64)
