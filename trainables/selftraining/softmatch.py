"""Soft weights instead of thresholds (SoftMatch, Chen et al. 2023, arXiv 2301.10921)."""

from collections.abc import Mapping

import torch
from torch import Tensor

from spaces.configuration import TrialConfig
from spaces.schedule import Schedule
from trainables.selftraining.strategy import register_threshold_strategy

SMALLEST_VARIANCE = 1e-12
"""Where all confidences were equal, what lies below them weighs next to nothing, and nothing is divided by 0."""


@register_threshold_strategy("softmatch")
def softmatch(config: TrialConfig, schedule: Schedule, class_names: tuple[str, ...]) -> "TruncatedGaussianWeights":
    """Truncated Gaussian weights with the schedule's decay and the configuration's `threshold_sigmas`."""
    return TruncatedGaussianWeights(len(class_names), schedule.threshold_decay, config.threshold_sigmas)


class TruncatedGaussianWeights:
    """Full weight from the mean confidence on, and a Gaussian's flank below it.

    With m and v the moving averages of the confidences' mean and variance, and s the number of sigmas, a label of
    confidence c weighs exp(-min(c - m, 0)^2 / (2 v / s^2)) (equations 5 to 8 of the paper): one deviation below the
    mean, exp(-s^2 / 2). The averages start at 1 / C and 1, without a warm-up: with the paper's start, labels weigh
    much while little is known.
    """

    def __init__(self, classes: int, decay: float, sigmas: float) -> None:
        """Start at mean 1 / classes and variance 1.

        Args:
            classes: Number of classes, C.
            decay: Share of the averages that one update keeps.
            sigmas: How steeply the weight falls below the mean.
        """
        self._decay = decay
        self._sigmas = sigmas
        self._mean = torch.full((), 1 / classes)
        self._variance = torch.ones(())

    def update(self, probabilities: Tensor, valid: Tensor) -> None:
        """Move both averages towards mean and unbiased variance of the valid pixels' confidences in this batch.

        One valid pixel has a mean but no variance, and leaves the average of that as it is.
        """
        pixels = valid.sum()
        confidence = probabilities.amax(1)
        mean = torch.where(valid, confidence, 0).sum() / pixels.clamp_min(1)
        variance = torch.where(valid, confidence - mean, 0).square().sum() / (pixels - 1).clamp_min(1)
        self._mean = self._moved(self._mean, mean, pixels > 0)
        self._variance = self._moved(self._variance, variance, pixels > 1)

    def _moved(self, average: Tensor, batch: Tensor, known: Tensor) -> Tensor:
        return average.to(batch.device).lerp(batch, torch.where(known, 1 - self._decay, 0.0))

    def mask(self, confidence: Tensor, labels: Tensor) -> Tensor:
        """The weight of each confidence, whatever its label."""
        mean, variance = self._mean.to(confidence.device), self._variance.to(confidence.device)
        below = (confidence - mean).clamp_max(0)
        return (below.square() * (-0.5 * self._sigmas**2 / variance.clamp_min(SMALLEST_VARIANCE))).exp()

    def state_dict(self) -> dict[str, Tensor]:
        """Both averages: mean (), variance ()."""
        return {"mean": self._mean, "variance": self._variance}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from these averages."""
        self._mean = state["mean"].clone()
        self._variance = state["variance"].clone()
