"""The same training three times: by the Trainer, by a bare loop of its arithmetic, and as the brief writes it down."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from pydantic import ValidationError
from torch import Tensor, nn

from benchmarks.contender_names import BARE, TRAINER
from spaces.complaints import first_complaint
from spaces.configuration import TrialConfig
from spaces.errors import InputError
from spaces.loading import load_space
from spaces.schedule import Schedule, schedule_for
from trainables.compute.precision import ComputeLayout, recommended_layout
from trainables.data.augmentation import normalised
from trainables.data.batches import Batch
from trainables.data.dataset import IGNORE_INDEX
from trainables.data.loader import BatchLoader, BatchTask
from trainables.data.procedural import ProceduralDataset
from trainables.data.split import split_dataset
from trainables.data.trial_data import TrialData
from trainables.losses.combined import supervised_loss
from trainables.models import create_model
from trainables.models.segmentation_model import SegmentationModel
from trainables.selftraining.cutmix import cutmix_boxes, paste
from trainables.selftraining.pseudo_labels import PseudoLabels, label_pixels, pseudo_label_loss
from trainables.selftraining.strategy import create_threshold_strategy
from trainables.training.ema import ModelAverage
from trainables.training.logits_parts import split_images
from trainables.training.optimisation import create_optimizer, set_learning_rates
from trainables.training.trainer import Trainer

SEED = 0
CPU = torch.device("cpu")
PREPARED_BATCHES = 4
BRIEF_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Task:
    """What is trained, by all contenders alike.

    Attributes:
        config: The space's recipe, at one size, learning from pseudo-labels from the first step.
        data: The built-in data.
        block: Steps between two readings of the clock.
    """

    config: TrialConfig
    data: TrialData
    block: int

    @property
    def schedule(self) -> Schedule:
        """Far more steps than will be taken, one evaluation after each block."""
        return schedule_for(self.config, max_steps=1000 * self.block, eval_every=self.block)

    def batches(self) -> list[Batch]:
        """The first few batches, for contenders that load nothing."""
        loader = BatchLoader(self.data)
        with loader.batches(BatchTask(self.config, SEED, 0), range(PREPARED_BATCHES)) as batches:
            return list(batches)


def make_task(space: str, *, size: int, batch: int, block: int) -> Task:
    """Set a space's recipe up on the built-in data.

    Args:
        space: A built-in space's name.
        size: Side of a crop, px; photos are half as large again.
        batch: Labelled crops of a step; as many unlabelled ones come with them.
        block: Steps between two readings of the clock.

    Raises:
        InputError: If crops can't be of this size, or batches.
    """
    values = load_space(space).baseline.model_dump()
    changes = {
        "crop_size": size,
        "multiscale": 1.0,
        "batch_size": batch,
        "threshold_strategy": "classwise",
        "selftraining_start": 0,
        "selftraining_ramp": 0,
    }
    try:
        config = TrialConfig.model_validate(values | changes)
    except ValidationError as error:
        raise InputError(f"--size, --batch: {first_complaint(error)}") from None
    dataset = ProceduralDataset(seed=SEED, photo_size=size * 3 // 2)
    split = split_dataset(dataset, by="photo", seed=SEED)
    return Task(config, TrialData(dataset, split, validation_windows=1), block)


class Contender(Protocol):
    """One way to train."""

    def run_block(self) -> tuple[float, float]:
        """Take a block of steps: seconds, and how many of them were spent waiting for data."""
        ...


class RealTrainer:
    """The Trainer: its loader, its figures, its checks; evaluation not counted."""

    def __init__(self, task: Task, *, workers: int) -> None:
        self._loader = BatchLoader(task.data, workers=workers)
        layout = recommended_layout("cpu")
        self._trainer = Trainer(task.config, task.schedule, task.data, seed=SEED, layout=layout, loader=self._loader)
        self._spent = (0.0, 0.0)

    def run_block(self) -> tuple[float, float]:
        """Train to the next evaluation."""
        metrics = self._trainer.advance()
        before, self._spent = self._spent, (metrics["train_seconds"], metrics["data_wait_seconds"])
        return self._spent[0] - before[0], self._spent[1] - before[1]

    def close(self) -> None:
        """End the loader's processes."""
        self._loader.close()


class _Loop(ABC):
    """A loop over batches that lie in memory."""

    def __init__(self, task: Task) -> None:
        self._config, self._schedule, self._block = task.config, task.schedule, task.block
        self._batches = task.batches()
        self._weights = torch.from_numpy(task.data.class_weights(task.config.class_weight_cap))
        self._names = task.data.classes.names
        self._done = 0

    def run_block(self) -> tuple[float, float]:
        """Take a block of steps; there is no data to wait for."""
        started = time.perf_counter()
        for _ in range(self._block):
            self.take_step(self._done, self._batches[self._done % len(self._batches)])
            self._done += 1
        return time.perf_counter() - started, 0.0

    @abstractmethod
    def take_step(self, step: int, batch: Batch) -> None:
        """Learn from a batch."""

    def _model(self) -> SegmentationModel:
        torch.manual_seed(SEED)
        return create_model(self._config, classes=len(self._names))


class BareLoop(_Loop):
    """The Trainer's arithmetic and nothing else: no data, no figures, no checks."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._layout: ComputeLayout = recommended_layout("cpu")
        model: Any = self._model().train()
        self._student: SegmentationModel = model.to(memory_format=self._layout.memory_format)
        self._average = ModelAverage(self._student, self._schedule.ema_decay)
        self._optimizer = create_optimizer(self._config, self._student)
        self._parameters = list(self._student.parameters())
        self._thresholds = create_threshold_strategy(self._config, self._schedule, self._names)

    def take_step(self, step: int, batch: Batch) -> None:
        """One step on one forward pass of labelled and unlabelled crops together."""
        if batch.unlabelled is None:
            raise ValueError("a batch without unlabelled images")
        torch.manual_seed(step)
        set_learning_rates(self._optimizer, step, self._schedule)
        labelled, weak, strong = (
            normalised(images, CPU, channels_last=self._layout.channels_last)
            for images in (batch.labelled.images, batch.unlabelled.weak, batch.unlabelled.strong[0])
        )
        with torch.no_grad(), self._layout.computing(CPU):
            probabilities = self._average.model.probabilities(weak)
        pseudo = label_pixels(probabilities, batch.unlabelled.valid, self._thresholds)
        if self._config.cutmix:
            boxes = cutmix_boxes(SEED, step, len(strong), strong.shape[-1], 0)
            strong = paste(strong, boxes)
            pseudo = PseudoLabels(paste(pseudo.labels, boxes), paste(pseudo.weights, boxes), paste(pseudo.valid, boxes))
        with self._layout.computing(CPU):
            logits = self._student(torch.cat((labelled, strong)))
        known, guessed = split_images(logits, (len(labelled), len(strong)))
        loss = supervised_loss(known, batch.labelled.masks.long(), self._config, self._weights).total
        loss = loss + self._config.selftraining_weight * pseudo_label_loss(guessed, pseudo)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self._parameters, self._config.gradient_clip_norm, foreach=True)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._average.update()


class PlainRecipe(_Loop):
    """The brief's recipe as one would write it down: float32, torch's own layout, one pass for each purpose.

    Labelled pass, teacher's pass and unlabelled pass are forwards of their own, each with full-size logits for each
    head; plain losses, plain SGD, the average in a loop over the state. Neither CutMix nor strategies.
    """

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._student = self._model().train()
        self._teacher = deepcopy(self._student).eval()
        rate = self._config.learning_rate
        self._optimizer = torch.optim.SGD(
            [
                {"params": self._student.encoder_parameters(), "lr": rate},
                {"params": self._student.decoder_parameters(), "lr": 10 * rate},
            ],
            momentum=self._config.momentum,
            weight_decay=self._config.weight_decay,
        )

    def take_step(self, step: int, batch: Batch) -> None:
        """One step in three passes."""
        if batch.unlabelled is None:
            raise ValueError("a batch without unlabelled images")
        labelled, weak, strong = (
            normalised(images, CPU, channels_last=False)
            for images in (batch.labelled.images, batch.unlabelled.weak, batch.unlabelled.strong[0])
        )
        loss = self._supervised(full_size_logits(self._student, labelled), batch.labelled.masks.long())
        with torch.no_grad():
            heads = full_size_logits(self._teacher, weak)
            probabilities = torch.stack([logits.softmax(1) for logits in heads]).mean(0)
            confidence, labels = probabilities.max(1)
            kept = (confidence > BRIEF_THRESHOLD) & batch.unlabelled.valid
        heads = full_size_logits(self._student, strong)
        losses = [(F.cross_entropy(logits, labels, reduction="none") * kept).sum() for logits in heads]
        pixels = batch.unlabelled.valid.sum()
        loss = loss + self._config.selftraining_weight * torch.stack(losses).mean() / pixels
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self._student.parameters(), self._config.gradient_clip_norm)
        self._optimizer.step()
        self._follow()

    def _supervised(self, heads: list[Tensor], target: Tensor) -> Tensor:
        counted = target != IGNORE_INDEX
        truth = F.one_hot(target.where(counted, 0), len(self._names)).permute(0, 3, 1, 2) * counted.unsqueeze(1)
        losses = []
        for logits in heads:
            entropy = F.cross_entropy(logits, target, self._weights, ignore_index=IGNORE_INDEX)
            probabilities = logits.softmax(1) * counted.unsqueeze(1)
            overlap = (probabilities * truth).sum((0, 2, 3))
            both = probabilities.sum((0, 2, 3)) + truth.sum((0, 2, 3))
            dice = (1 - 2 * overlap / both.clamp_min(1)).mean()
            plain = F.cross_entropy(logits, target, ignore_index=IGNORE_INDEX, reduction="none")
            focal = ((1 - torch.exp(-plain)) ** self._config.focal_gamma * plain).sum() / counted.sum()
            shares = self._config.cross_entropy_weight, self._config.dice_weight, self._config.focal_weight
            losses.append(shares[0] * entropy + shares[1] * dice + shares[2] * focal)
        return torch.stack(losses).mean()

    @torch.no_grad()
    def _follow(self) -> None:
        decay = self._config.ema_decay
        for mine, followed in zip(
            self._teacher.state_dict().values(), self._student.state_dict().values(), strict=True
        ):
            if mine.is_floating_point():
                mine.mul_(decay).add_(followed, alpha=1 - decay)
            else:
                mine.copy_(followed)


def full_size_logits(model: SegmentationModel, images: Tensor) -> list[Tensor]:
    """Logits of each head by its own layers, each enlarged by itself: what `model(images)` is, but for rounding."""
    features: Tensor = model.decoder(model.encoder(images))
    to_full_size = getattr(model.decoder, "to_full_size", None)
    if to_full_size is not None:
        features = to_full_size(features)
    size = images.shape[-2:]
    logits: list[Tensor] = [head(features) for head in model.heads.heads]
    if features.shape[-2:] == size:
        return logits
    return [F.interpolate(one, size=size, mode="bilinear", align_corners=False) for one in logits]


@contextmanager
def contender(name: str, task: Task, *, workers: int) -> Iterator[Contender]:
    """One of `CONTENDERS`, whose processes end with the context."""
    if name != TRAINER:
        yield BareLoop(task) if name == BARE else PlainRecipe(task)
        return
    trainer = RealTrainer(task, workers=workers)
    try:
        yield trainer
    finally:
        trainer.close()
