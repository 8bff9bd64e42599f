"""One optimiser step: the losses of a batch, the gradients, the average."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spaces.configuration import TrialConfig
from spaces.schedule import Schedule
from trainables.data.augmentation import normalised
from trainables.data.batches import Batch, UnlabelledImages
from trainables.data.sampling import Stream, stream_seed
from trainables.ema import ModelAverage
from trainables.losses.combined import supervised_loss
from trainables.models.segmentation_model import SegmentationModel
from trainables.optimisation import clipped_step, create_optimizer, set_learning_rates
from trainables.precision import ComputeLayout
from trainables.selftraining.cutmix import cutmix_boxes, paste
from trainables.selftraining.pseudo_labels import PseudoLabels, label_pixels, pseudo_label_loss
from trainables.selftraining.strategy import create_threshold_strategy


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step computed; all tensors lie on the device and carry no gradient.

    Attributes:
        losses: (6,): total, cross-entropy, Dice, focal, supervised, self-training.
        kept: (C,): pixels of each class whose pseudo-label was trusted; None without unlabelled images.
        valid: Scalar: unlabelled pixels that are no padding; None likewise.
        learning_rate: Of the encoder.
        images: Crops that the student learned from.
    """

    losses: Tensor
    kept: Tensor | None
    valid: Tensor | None
    learning_rate: float
    images: int


class TrainingStep:
    """A student, its average and its optimiser, and how they learn from one batch.

    Attributes:
        model: The student.
        average: Its exponential moving average; also the teacher.
    """

    def __init__(
        self,
        config: TrialConfig,
        schedule: Schedule,
        model: SegmentationModel,
        *,
        class_names: tuple[str, ...],
        class_weights: Tensor,
        layout: ComputeLayout,
        seed: int,
    ) -> None:
        """Take a model that already lies on its device in its memory layout.

        Args:
            config: The trial's configuration.
            schedule: When what happens.
            model: The student, with its initial weights.
            class_names: Names of the classes.
            class_weights: (C,), float32, on the model's device.
            layout: Precision and memory layout.
            seed: The trial's seed.
        """
        self.model = model.train()
        self.average = ModelAverage(model, schedule.ema_decay)
        self._config = config
        self._schedule = schedule
        self._class_weights = class_weights
        self._layout = layout
        self._seed = seed
        self._optimizer = create_optimizer(config, model)
        self._thresholds = create_threshold_strategy(config, class_names)

    @property
    def _device(self) -> torch.device:
        return self._class_weights.device

    def learn(self, step: int, batch: Batch) -> StepResult:
        """Take step number `step`, counted from 0.

        Dropout's random numbers depend on the trial's seed and the step alone, for which torch's global
        generators are seeded anew.
        """
        torch.manual_seed(stream_seed(self._seed, Stream.NETWORK_NOISE, step))
        learning_rate = set_learning_rates(self._optimizer, step, self._schedule)
        images = self._images(batch.labelled.images)
        target = torch.from_numpy(batch.labelled.masks).to(self._device).long()
        pseudo = None
        if batch.unlabelled is not None:
            strong, pseudo = self._pseudo_labelled(step, batch.unlabelled)
            # One forward pass for both, so that batch norm sees one distribution.
            images = torch.cat((images, strong))
        with self._layout.computing(self._device):
            heads = self.model(images)
        labelled = len(target)
        supervised = supervised_loss([logits[:labelled] for logits in heads], target, self._config, self._class_weights)
        total, selftraining, kept = supervised.total, torch.zeros((), device=self._device), None
        if pseudo is not None:
            selftraining = pseudo_label_loss([logits[labelled:] for logits in heads], pseudo)
            total = total + self._config.selftraining_weight * selftraining
            kept = torch.bincount(pseudo.labels[pseudo.weights > 0], minlength=len(self._class_weights))
        torch.autograd.backward(total)
        clipped_step(self._optimizer, self._config.gradient_clip_norm)
        self.average.update()
        parts = (
            total,
            supervised.cross_entropy,
            supervised.dice,
            supervised.focal,
            supervised.total,
            selftraining,
        )
        return StepResult(
            losses=torch.stack(parts).detach(),
            kept=kept,
            valid=None if pseudo is None else pseudo.valid.sum(),
            learning_rate=learning_rate,
            images=len(images),
        )

    def _pseudo_labelled(self, step: int, unlabelled: UnlabelledImages) -> tuple[Tensor, PseudoLabels]:
        """The student's view of the unlabelled images, and the teacher's labels for it."""
        valid = torch.from_numpy(unlabelled.valid).to(self._device)
        weak, strong = self._images(unlabelled.weak), self._images(unlabelled.strong)
        with torch.no_grad(), self._layout.computing(self._device):
            probabilities = self.average.model.probabilities(weak)
        pseudo = label_pixels(probabilities, valid, self._thresholds)
        if self._config.cutmix:
            boxes = cutmix_boxes(self._seed, step, len(strong), strong.shape[-1])
            strong = paste(strong, boxes)
            pseudo = PseudoLabels(paste(pseudo.labels, boxes), paste(pseudo.weights, boxes), paste(pseudo.valid, boxes))
        return strong, pseudo

    def _images(self, images: Any) -> Tensor:
        return normalised(images, self._device, channels_last=self._layout.channels_last)

    def state_dict(self) -> dict[str, Any]:
        """Student, average, optimiser and thresholds; refers to the live tensors."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "thresholds": self._thresholds.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of `state_dict`, which is left untouched."""
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        # The optimiser would otherwise go on in the very tensors of the state.
        self._optimizer.load_state_dict(_cloned(state["optimizer"]))
        self._thresholds.load_state_dict(state["thresholds"])


def _cloned(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, Mapping):
        return {key: _cloned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cloned(item) for item in value]
    return value
