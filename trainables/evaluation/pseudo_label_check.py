"""What a model's pseudo-labels would be worth: judged on images whose labels are known."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.data.dataset import IGNORE_INDEX
from trainables.selftraining.strategy import ThresholdStrategy

UNIT = 1 << 24
"""Weights are summed as multiples of 1 / UNIT: sums in any order are then the same."""


@dataclass(frozen=True, slots=True)
class PseudoLabelCounts:
    """Weights of the pseudo-labels of labelled pixels so far; counts of several pieces add up.

    Attributes:
        weights: (C,), int64, sum of the weights by pseudo-label, in 1 / UNIT.
        right: (C,), int64, of these the weights of right pseudo-labels.
        pixels: Labelled pixels.
    """

    weights: NDArray[np.int64]
    right: NDArray[np.int64]
    pixels: int

    @classmethod
    def none(cls, classes: int) -> "PseudoLabelCounts":
        """Nothing counted yet."""
        zeros = np.zeros(classes, dtype=np.int64)
        return cls(zeros, zeros, 0)

    def __add__(self, other: "PseudoLabelCounts") -> "PseudoLabelCounts":
        return PseudoLabelCounts(self.weights + other.weights, self.right + other.right, self.pixels + other.pixels)

    @property
    def precision(self) -> float:
        """Share of right labels among the trusted ones, by weight; NaN where none is trusted."""
        trusted = int(self.weights.sum())
        return int(self.right.sum()) / trusted if trusted else float("nan")

    @property
    def precisions(self) -> NDArray[np.float64]:
        """The same for each pseudo-label's class, (C,); NaN where none of it is trusted."""
        precisions = np.full(len(self.weights), np.nan)
        np.divide(self.right, self.weights, out=precisions, where=self.weights > 0)
        return precisions

    @property
    def mask_ratio(self) -> float:
        """Mean weight of a pixel's pseudo-label, 0 to 1; NaN where no pixel was counted."""
        return int(self.weights.sum()) / (self.pixels * UNIT) if self.pixels else float("nan")


def pseudo_label_counts(
    truth: Tensor, prediction: Tensor, confidence: Tensor, strategy: ThresholdStrategy, classes: int
) -> PseudoLabelCounts:
    """Weigh predictions as if they were pseudo-labels, and see which are right.

    Args:
        truth: Class indices of any shape, `IGNORE_INDEX` where a pixel does not count.
        prediction: Class indices of the same shape.
        confidence: Probability of the predicted class, float32, of the same shape.
        strategy: Weighs the labels; learns nothing from them.
        classes: Number of classes C.
    """
    # Strategies take batches of images: here one image of one row.
    labels = prediction.reshape(1, 1, -1).long()
    weights = strategy.mask(confidence.reshape(1, 1, -1), labels).view(-1)
    ignored = truth == IGNORE_INDEX
    # Ignored pixels fall behind the last class.
    bins = torch.where(ignored, 2 * classes, prediction.int() * 2 + (truth == prediction)).flatten()
    # Sums of integers in doubles are exact below 2^53.
    units = (weights * UNIT).round_().double()
    sums = torch.bincount(bins, weights=units, minlength=2 * classes + 1)
    by_class = sums.cpu().numpy().astype(np.int64)[: 2 * classes].reshape(-1, 2)
    return PseudoLabelCounts(by_class.sum(axis=1), by_class[:, 1].copy(), truth.numel() - int(ignored.sum()))
