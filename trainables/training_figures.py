"""Means over the steps between two evaluations."""

import torch
from torch import Tensor

from trainables.metric_names import pseudo_share_name
from trainables.training_step import StepResult

LOSS_NAMES = ("loss", "loss_cross_entropy", "loss_dice", "loss_focal", "loss_supervised", "loss_selftraining")


class TrainingFigures:
    """Collects what steps computed, on the device, so that nobody waits for a number before it is needed."""

    def __init__(self) -> None:
        self._losses: Tensor | None = None
        self._kept: Tensor | None = None
        self._valid: Tensor | None = None
        self._steps = 0
        self._selftraining_steps = 0
        self._learning_rate = 0.0

    def add(self, result: StepResult) -> None:
        """Take in one step."""
        losses = result.losses.double()
        self._losses = losses if self._losses is None else self._losses + losses
        self._steps += 1
        self._learning_rate = result.learning_rate
        if result.kept is None or result.valid is None:
            return
        self._selftraining_steps += 1
        self._kept = result.kept if self._kept is None else self._kept + result.kept
        self._valid = result.valid if self._valid is None else self._valid + result.valid

    def metrics(self, class_names: tuple[str, ...]) -> dict[str, float]:
        """Flat metrics: mean losses, last learning rate, share and classes of trusted pseudo-labels.

        `loss_selftraining` is the mean over the steps that had unlabelled images, 0 if none had. `mask_ratio`
        is the share of the unlabelled pixels that were trusted; `pseudo_share_...` the share of each class
        among these, left out where nothing was trusted.
        """
        if self._losses is None:
            return {}
        metrics = dict(zip(LOSS_NAMES, (self._losses / self._steps).tolist(), strict=True))
        metrics["loss_selftraining"] *= self._steps / max(1, self._selftraining_steps)
        metrics["learning_rate"] = self._learning_rate
        metrics["mask_ratio"] = 0.0
        if self._kept is None or self._valid is None:
            return metrics
        kept: list[int] = self._kept.tolist()
        metrics["mask_ratio"] = sum(kept) / max(1, int(self._valid))
        if sum(kept):
            for index, name in enumerate(class_names):
                metrics[pseudo_share_name(index, name)] = kept[index] / sum(kept)
        return metrics


def losses_are_finite(result: StepResult) -> bool:
    """Whether no loss of a step is NaN or infinite; waits for the device."""
    return bool(torch.isfinite(result.losses).all())
