"""One optimiser step: the losses of a batch, the gradients, the average."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spaces.configuration import TrialConfig
from spaces.schedule import Schedule
from trainables.compute.compilation import Compilation
from trainables.compute.out_of_memory import is_out_of_memory
from trainables.compute.precision import ComputeLayout
from trainables.data.batches import Batch
from trainables.data.sampling import Stream, stream_seed
from trainables.losses.combined import supervised_loss
from trainables.models.segmentation_model import SegmentationModel
from trainables.selftraining.pseudo_labels import pseudo_label_loss
from trainables.selftraining.strategy import create_threshold_strategy
from trainables.training.ema import ModelAverage
from trainables.training.logits_parts import split_images
from trainables.training.micro_batches import SMALLEST, backward_in_pieces, pieces
from trainables.training.model_buffers import ModelBuffers
from trainables.training.optimisation import clipped_step, create_optimizer, optimised_parameters, set_learning_rates
from trainables.training.student_batch import StudentBatch, StudentBatches

SMALLEST_LOSS_SCALE = 1.0
"""Gradients that overflow float16 without any scaling are those of a training that diverges."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step computed; all tensors lie on the device and carry no gradient.

    Attributes:
        losses: (6,): total, cross-entropy, Dice, focal, supervised, self-training.
        failed: Scalar bool: the training has diverged.
        kept: (C,): sum of the weights of each class's pseudo-labels; None without unlabelled images.
        valid: Scalar: unlabelled pixels that are no padding; None likewise.
        learning_rate: Of the encoder.
        images: Crops that the student learned from.
        micro_batch: Crops that went through the student together, at most.
    """

    losses: Tensor
    failed: Tensor
    kept: Tensor | None
    valid: Tensor | None
    learning_rate: float
    images: int
    micro_batch: int


class TrainingStep:
    """A student, its average and its optimiser, and how they learn from one batch.

    Where memory runs out, this step and all later ones go through the networks in pieces of half the size, with the
    gradients of the whole batch; see `micro_batches`.

    Attributes:
        model: The student.
        average: Its exponential moving average; also the teacher.
        thresholds: The strategy that weighs pseudo-labels.
        compilation: How the networks are compiled.
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
        self.thresholds = create_threshold_strategy(config, schedule, class_names)
        self.compilation = Compilation(wanted=layout.compiled)
        self._config = config
        self._schedule = schedule
        self._class_weights = class_weights
        self._device = class_weights.device
        self._layout = layout
        self._seed = seed
        self._buffers = ModelBuffers(model)
        self._student = self.compilation.compiled(model)
        self._teacher = self.compilation.compiled(self.average.model.probabilities)
        self._optimizer = create_optimizer(config, model)
        self._parameters = optimised_parameters(self._optimizer)
        self._scaler = layout.loss_scaler(self._device)
        self._micro_batch: int | None = None
        self._batches = StudentBatches(
            config,
            seed=seed,
            classes=len(class_names),
            feature_channels=model.feature_channels,
            strategy=self.thresholds,
            device=self._device,
            layout=layout,
        )

    def learn(self, step: int, batch: Batch) -> StepResult:
        """Take step number `step`, counted from 0.

        Dropout's random numbers depend on the trial's seed and the step alone, for which torch's global
        generators are seeded anew.

        Raises:
            MemoryError: Memory does not even suffice for `micro_batches.SMALLEST` images at a time.
        """
        learning_rate = set_learning_rates(self._optimizer, step, self._schedule)
        student, losses = self._gradients(step, batch)
        norm = clipped_step(self._optimizer, self._parameters, self._config.gradient_clip_norm, self._scaler)
        if self._scaler.is_enabled():
            # A skipped step leaves the student as it was. The average takes it in all the same: it is then the mean
            # over a student that stood still for a step, and knowing better would mean waiting for the device.
            self._buffers.restore_where(~torch.isfinite(norm))
            failed = self._scaler.scale(torch.ones_like(norm)) < SMALLEST_LOSS_SCALE
        else:
            failed = ~torch.isfinite(losses).all()
        self.average.update()
        return StepResult(
            losses=losses,
            failed=failed,
            kept=student.kept,
            valid=student.valid,
            learning_rate=learning_rate,
            images=len(student.images),
            micro_batch=_largest(pieces(len(student.images), self._micro_batch)),
        )

    def _gradients(self, step: int, batch: Batch) -> tuple[StudentBatch, Tensor]:
        """Fill the parameters' gradients; try again with less memory, or without a compiler, where that may help."""
        self._buffers.keep()
        learned = {name: value.clone() for name, value in self.thresholds.state_dict().items()}
        while True:
            try:
                return self._attempt(step, batch)
            except Exception as error:
                if not self._worth_repeating(error, batch):
                    raise
            # Only here, where the error is gone, does nothing hold the attempt's tensors any more.
            self._optimizer.zero_grad(set_to_none=True)
            self._buffers.restore()
            self.thresholds.load_state_dict(learned)
            if self._device.type == "cuda":
                torch.cuda.empty_cache()

    def _worth_repeating(self, error: Exception, batch: Batch) -> bool:
        if not is_out_of_memory(error):
            return self.compilation.gave_up(error)
        images = _images_of(batch)
        largest = _largest(pieces(images, self._micro_batch))
        half = max(SMALLEST, largest // 2)
        if _largest(pieces(images, half)) == largest:
            raise MemoryError(f"{largest} images at a time are too many: {error}") from error
        self._micro_batch = half
        return True

    def _attempt(self, step: int, batch: Batch) -> tuple[StudentBatch, Tensor]:
        student = self._batches.make(step, batch, self._labelled_by_teacher)
        parts = pieces(len(student.images), self._micro_batch)

        def objective(logits: Tensor) -> tuple[Tensor, Tensor]:
            return self._losses(step, student, logits)

        if len(parts) == 1:
            total, losses = objective(self._forward(step, student, 0, parts[0]))
            torch.autograd.backward(self._scaler.scale(total))
        else:
            losses = backward_in_pieces(
                lambda index, part: self._forward(step, student, index, part),
                objective,
                parts,
                self._buffers,
                self._scaler.scale,
            )
        return student, losses

    def _labelled_by_teacher(self, images: Tensor) -> Tensor:
        with torch.no_grad(), self._layout.computing(self._device):
            parts = [self._teacher(images[part]) for part in pieces(len(images), self._micro_batch)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _forward(self, step: int, student: StudentBatch, index: int, part: slice) -> Tensor:
        """(n, K, C, S, S) logits of a part of the batch; the same each time it is asked for."""
        torch.manual_seed(stream_seed(self._seed, Stream.NETWORK_NOISE, step, index))
        scales = student.feature_scales and tuple(scale[part] for scale in student.feature_scales)
        # Passes with and without a graph are compiled to different code, which need not draw the same dropout.
        network = self._student if part.stop - part.start == len(student.images) else self.model
        with self._layout.computing(self._device):
            return network(student.images[part], scales)

    def _losses(self, step: int, student: StudentBatch, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of all images, and (6,) terms as `StepResult` has them."""
        sizes = [len(student.target), *(len(view.labels) for view in student.pseudo)]
        labelled, *views = split_images(logits, sizes)
        supervised = supervised_loss(labelled, student.target, self._config, self._class_weights)
        total, selftraining = supervised.total, torch.zeros((), device=self._device)
        if student.pseudo:
            losses = [pseudo_label_loss(view, pseudo) for view, pseudo in zip(views, student.pseudo, strict=True)]
            selftraining = torch.stack(losses).mean()
            share = self._schedule.selftraining_share(step)
            total = total + self._config.selftraining_weight * share * selftraining
        parts = (total, supervised.cross_entropy, supervised.dice, supervised.focal, supervised.total, selftraining)
        return total, torch.stack(parts).detach()

    def state_dict(self) -> dict[str, Any]:
        """Student, average, optimiser, thresholds, scaling and micro-batch; refers to the live tensors."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "thresholds": self.thresholds.state_dict(),
            "scaler": self._scaler.state_dict(),
            "micro_batch": self._micro_batch,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of `state_dict`, which is left untouched."""
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        # The optimiser would otherwise go on in the very tensors of the state.
        self._optimizer.load_state_dict(_cloned(state["optimizer"]))
        self.thresholds.load_state_dict(_cloned(state["thresholds"]))
        if self._scaler.is_enabled():
            self._scaler.load_state_dict(state["scaler"])
        self._micro_batch = state["micro_batch"]


def _images_of(batch: Batch) -> int:
    views = () if batch.unlabelled is None else batch.unlabelled.strong
    return len(batch.labelled.images) + sum(len(view) for view in views)


def _largest(parts: list[slice]) -> int:
    return max(int(part.stop - part.start) for part in parts)


def _cloned(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, Mapping):
        return {key: _cloned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cloned(item) for item in value]
    return value
