"""Calibration error: how far a model's confidence is from how often it is right."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.data.dataset import IGNORE_INDEX

BINS = 15
"""Bins of equal width over the confidences 0 to 1, as Guo et al. 2017 take them."""

UNIT = 1 << 24
"""Confidences are summed as multiples of 1 / UNIT, finer than float32's: sums in any order are then the same."""


@dataclass(frozen=True, slots=True)
class CalibrationCounts:
    """Pixels by confidence over all pieces so far; counts of several pieces add up.

    Attributes:
        pixels: (BINS,), int64.
        right: (BINS,), int64, of these the ones whose class is right.
        confidence: (BINS,), int64, sum of the confidences in 1 / UNIT.
    """

    pixels: NDArray[np.int64]
    right: NDArray[np.int64]
    confidence: NDArray[np.int64]

    @classmethod
    def none(cls) -> "CalibrationCounts":
        """Nothing counted yet."""
        zeros = np.zeros(BINS, dtype=np.int64)
        return cls(zeros, zeros, zeros)

    def __add__(self, other: "CalibrationCounts") -> "CalibrationCounts":
        return CalibrationCounts(
            self.pixels + other.pixels, self.right + other.right, self.confidence + other.confidence
        )

    @property
    def error(self) -> float:
        """Expected calibration error, 0 to 1: the mean over pixels of |accuracy - mean confidence| of their bin.

        NaN where no pixel was counted. Guo et al. 2017, "On Calibration of Modern Neural Networks"
        (arXiv 1706.04599).
        """
        total = int(self.pixels.sum())
        if total == 0:
            return float("nan")
        return float(np.abs(self.right - self.confidence / UNIT).sum() / total)


def calibration_counts(truth: Tensor, prediction: Tensor, confidence: Tensor) -> CalibrationCounts:
    """Count pixels by confidence; bin m of 1 to BINS holds those in ((m - 1) / BINS, m / BINS].

    Args:
        truth: Class indices of any shape, `IGNORE_INDEX` where a pixel does not count.
        prediction: Class indices of the same shape.
        confidence: Probability of the predicted class, float32, of the same shape.
    """
    bins = (confidence * BINS).ceil_().int().sub_(1).clamp_(0, BINS - 1)
    # Ignored pixels fall behind the last bin.
    bins = torch.where(truth == IGNORE_INDEX, BINS, bins)
    cells = (bins * 2 + (truth == prediction)).flatten()
    size = 2 * (BINS + 1)
    pixels = torch.bincount(cells, minlength=size)
    # Sums of integers in doubles are exact below 2^53.
    units = (confidence * UNIT).round_().flatten().double()
    sums = torch.bincount(cells, weights=units, minlength=size)
    by_bin = pixels.cpu().numpy().reshape(-1, 2)[:BINS]
    confidences = sums.cpu().numpy().astype(np.int64).reshape(-1, 2)[:BINS]
    return CalibrationCounts(by_bin.sum(axis=1), by_bin[:, 1].copy(), confidences.sum(axis=1))
