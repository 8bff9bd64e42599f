"""Thresholds that follow the teacher's own confidence (FreeMatch, Wang et al. 2023, arXiv 2205.07246)."""

from collections.abc import Mapping

import torch
from torch import Tensor

from spaces.configuration import TrialConfig
from spaces.schedule import Schedule
from trainables.selftraining.strategy import register_threshold_strategy


@register_threshold_strategy("freematch")
def freematch(config: TrialConfig, schedule: Schedule, class_names: tuple[str, ...]) -> "SelfAdaptiveThresholds":
    """Self-adaptive thresholds with the schedule's decay."""
    return SelfAdaptiveThresholds(len(class_names), schedule.threshold_decay)


class SelfAdaptiveThresholds:
    """A global threshold that rises with the teacher's confidence, lowered for the classes it seldom predicts.

    With m the moving average of the mean highest probability and p_c that of the mean probability of class c, the
    threshold of class c is m * p_c / max p (equations 5 to 8 of the paper). Both averages start at 1 / C, without the
    warm-up that averaged weights have: the start is meant, low thresholds that let the first, unsure labels pass, and
    it is as good a value as any, whereas initial weights know nothing.

    A label passes AT its threshold, as in the authors' program: where all predictions are equally sure, their mean is
    the confidence of each, and all of them pass instead of none.
    """

    def __init__(self, classes: int, decay: float) -> None:
        """Start at 1 / classes.

        Args:
            classes: Number of classes, C.
            decay: Share of the averages that one update keeps.
        """
        self._decay = decay
        self._confidence = torch.full((), 1 / classes)
        self._probabilities = torch.full((classes,), 1 / classes)

    def update(self, probabilities: Tensor, valid: Tensor) -> None:
        """Move both averages towards the means over the valid pixels of this batch."""
        pixels = valid.sum()
        # Divided by 1 instead of 0 where nothing is valid; the weight then drops what came of it.
        weight = torch.where(pixels > 0, 1 - self._decay, 0.0)
        pixels = pixels.clamp_min(1)
        confidence = torch.where(valid, probabilities.amax(1), 0).sum() / pixels
        shares = torch.where(valid.unsqueeze(1), probabilities, 0).sum((0, 2, 3)) / pixels
        self._confidence = self._confidence.to(valid.device).lerp(confidence, weight)
        self._probabilities = self._probabilities.to(valid.device).lerp(shares, weight)

    def mask(self, confidence: Tensor, labels: Tensor) -> Tensor:
        """1 where the confidence reaches the threshold of the pixel's label, else 0."""
        thresholds = self._probabilities / self._probabilities.max() * self._confidence
        return (confidence >= thresholds.to(confidence.device)[labels]).to(torch.float32)

    def state_dict(self) -> dict[str, Tensor]:
        """Both averages: confidence (), probabilities (C,)."""
        return {"confidence": self._confidence, "probabilities": self._probabilities}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from these averages."""
        self._confidence = state["confidence"].clone()
        self._probabilities = state["probabilities"].clone()
