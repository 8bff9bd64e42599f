"""Means over the steps between two evaluations."""

from collections.abc import Sequence

import torch
from torch import Tensor

from trainables.metric_names import label_share_name, pseudo_share_name
from trainables.training.training_step import StepResult

LOSS_NAMES = ("loss", "loss_cross_entropy", "loss_dice", "loss_focal", "loss_supervised", "loss_selftraining")


class TrainingFigures:
    """Collects what steps computed, on the device, so that nobody waits for a number before it is needed."""

    def __init__(self) -> None:
        self._losses: Tensor | None = None
        self._counted: Tensor | None = None
        self._kept: Tensor | None = None
        self._valid: Tensor | None = None
        self._steps = 0
        self._selftraining_steps = 0
        self._learning_rate = 0.0
        self._micro_batch = 0

    def add(self, result: StepResult) -> None:
        """Take in one step."""
        finite = torch.isfinite(result.losses)
        losses = result.losses.double().nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
        self._losses = losses if self._losses is None else self._losses + losses
        self._counted = finite.long() if self._counted is None else self._counted + finite
        self._steps += 1
        self._learning_rate = result.learning_rate
        self._micro_batch = result.micro_batch
        if result.kept is None or result.valid is None:
            return
        self._selftraining_steps += 1
        # In double precision: some hundred steps have more pixels than float32 can count.
        kept = result.kept.double()
        self._kept = kept if self._kept is None else self._kept + kept
        self._valid = result.valid if self._valid is None else self._valid + result.valid

    def metrics(self, class_names: tuple[str, ...], label_shares: Sequence[float]) -> dict[str, float]:
        """Flat metrics: mean losses, last learning rate and micro-batch, share and classes of trusted pseudo-labels.

        Args:
            class_names: Names of the classes.
            label_shares: Share of each class among the labelled pixels.

        Losses that are not finite, of steps that float16's loss scaling skipped, are left out of the means.
        `loss_selftraining` is the mean over the steps that had unlabelled images, 0 if none had. `mask_ratio` is the
        mean weight of the unlabelled pixels' labels, the share that was trusted; `pseudo_share_...` the share of each
        class in the sum of these weights, left out where nothing was trusted, and `label_share_...` its share among
        the labels, which it is read against.
        """
        if self._losses is None or self._counted is None:
            return {}
        counted = self._counted.clone()
        # Steps without unlabelled images put a finite 0 into the last column.
        counted[-1] -= self._steps - self._selftraining_steps
        means = self._losses / counted.clamp_min(1)
        metrics: dict[str, float] = dict(zip(LOSS_NAMES, means.tolist(), strict=True))
        metrics["learning_rate"] = self._learning_rate
        metrics["micro_batch"] = self._micro_batch
        metrics["mask_ratio"] = 0.0
        if self._kept is None or self._valid is None:
            return metrics
        kept: list[float] = self._kept.tolist()
        metrics["mask_ratio"] = sum(kept) / max(1, int(self._valid))
        for index, name in enumerate(class_names):
            metrics[label_share_name(index, name)] = label_shares[index]
            if sum(kept) > 0:
                metrics[pseudo_share_name(index, name)] = kept[index] / sum(kept)
        return metrics
