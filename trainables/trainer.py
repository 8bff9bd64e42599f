"""One trial's training: from evaluation to evaluation, resumable at each of them."""

import time
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from spaces.schedule import Schedule
from trainables.confusion import class_ious
from trainables.data.batches import BatchSource, prepared_batches
from trainables.data.sampling import Stream, stream_seed
from trainables.data.trial_data import TrialData
from trainables.divergence import DivergedError
from trainables.evaluation import NonFinitePredictionError, PartEvaluation, evaluate_part
from trainables.metric_names import iou_name
from trainables.models import create_model
from trainables.models.segmentation_model import SegmentationModel
from trainables.precision import ComputeLayout, Precision
from trainables.training_figures import TrainingFigures, losses_are_finite
from trainables.training_step import TrainingStep

STATE_FORMAT = 1
"""Version of what `Trainer.state_dict` and `Trainer.best_model_state` hold."""


class Trainer:
    """Trains the network of one configuration, without Ray.

    Everything random is a function of the seed and the step. A training that is stopped after any evaluation
    and goes on from its `state_dict` in another process gives, on CPUs of one kind with as many threads, bit
    for bit the weights and metrics of one that was never stopped.

    Attributes:
        config: The configuration.
        schedule: When what happens.
        data: The data.
        step: Optimiser steps done.
        best_miou: Best validation mIoU of the averaged model so far; minus infinity before the first
            evaluation.
    """

    def __init__(
        self,
        config: TrialConfig,
        schedule: Schedule,
        data: TrialData,
        *,
        seed: int,
        encoder_state: Mapping[str, Tensor] | None = None,
        device: str = "cpu",
        precision: Precision = "float32",
        channels_last: bool = False,
        data_workers: int | None = None,
    ) -> None:
        """Build network and optimiser.

        Args:
            config: The configuration.
            schedule: When what happens.
            data: The data, shared with other trials of the process.
            seed: At least 0; decides initial weights, order of images, augmentation and dropout.
            encoder_state: Weights that the encoder starts from; random ones by default.
            device: As torch names it: "cpu", "cuda", "cuda:1".
            precision: Number format of the network's computations.
            channels_last: Memory layout of images and weights.
            data_workers: Threads that prepare batches ahead; by default 2 on a GPU and none on the CPU, where
                they would compete with the training.

        Raises:
            InputError: If architecture, encoder or threshold strategy do not exist.
        """
        self.config = config
        self.schedule = schedule
        self.data = data
        self.step = 0
        self.best_miou = float("-inf")
        self._seed = seed
        self._device = torch.device(device)
        self._layout = ComputeLayout(precision, channels_last)
        self._data_workers = (2 if self._device.type == "cuda" else 0) if data_workers is None else data_workers
        self._images_seen = 0
        self._train_seconds = 0.0
        self._evaluation_seconds = 0.0
        self._unreadable: set[str] = set()
        self._best_step = 0
        self._best_state: dict[str, Tensor] | None = None
        model = self._initial_model(encoder_state)
        weights = torch.from_numpy(data.class_weights(config.class_weight_cap)).to(self._device)
        self._training = TrainingStep(
            config,
            schedule,
            model,
            class_names=data.classes.names,
            class_weights=weights,
            layout=self._layout,
            seed=seed,
        )
        self._batches = BatchSource(config, data, seed=seed, unlabelled_from=self._first_unlabelled_step())

    def _initial_model(self, encoder_state: Mapping[str, Tensor] | None) -> SegmentationModel:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stream_seed(self._seed, Stream.INITIAL_WEIGHTS))
            model = create_model(self.config, classes=len(self.data.classes.names))
        if encoder_state is not None:
            model.load_encoder_state(encoder_state)
        # nn.Module.to has no overload for a memory format in strict typing's eyes.
        placed: Any = model.to(self._device)
        return placed.to(memory_format=self._layout.memory_format)  # type: ignore[no-any-return]

    def _first_unlabelled_step(self) -> int | None:
        """First step with a teacher's pass; None where there is nothing to learn from it."""
        wanted = self.config.selftraining and self.config.selftraining_weight > 0
        return self.schedule.selftraining_start if wanted and self.data.split.unlabelled else None

    @property
    def finished(self) -> bool:
        """Whether all steps of the schedule are done."""
        return self.step >= self.schedule.max_steps

    @property
    def model(self) -> SegmentationModel:
        """The model that is evaluated and kept: the average, in evaluation mode."""
        return self._training.average.model

    def advance(self) -> dict[str, float]:
        """Train to the next evaluation and evaluate the averaged model.

        Returns:
            Flat metrics. Losses, `mask_ratio`, `pseudo_share_...` and `steps_per_second` are means since the
            last evaluation; `images_seen`, `train_seconds` (without evaluation), `evaluation_seconds` and
            `unreadable_images` count from the start of the training, interruptions not included.

        Raises:
            DivergedError: If a loss or a prediction is NaN or infinite.
            RuntimeError: If the training is finished.
        """
        if self.finished:
            raise RuntimeError(f"the training is finished: all {self.schedule.max_steps} steps are done")
        first_step = self.step
        started = time.perf_counter()
        metrics = self._train_to(self.schedule.next_evaluation(self.step))
        seconds = time.perf_counter() - started
        self._train_seconds += seconds
        evaluation = self._timed_evaluation()
        if evaluation.miou > self.best_miou:
            self.best_miou, self._best_step = evaluation.miou, self.step
            self._best_state = {name: value.clone() for name, value in self.model.state_dict().items()}
        ious = class_ious(evaluation.total_confusion)
        return {
            "step": self.step,
            "miou": evaluation.miou,
            "best_miou": self.best_miou,
            **{
                iou_name(index, name): float(ious[index])
                for index, name in enumerate(self.data.classes.names)
                if not np.isnan(ious[index])
            },
            **metrics,
            "steps_per_second": (self.step - first_step) / max(seconds, 1e-9),
            "images_seen": self._images_seen,
            "unreadable_images": len(self._unreadable),
            "train_seconds": self._train_seconds,
            "evaluation_seconds": self._evaluation_seconds,
        }

    def _train_to(self, end: int) -> dict[str, float]:
        figures = TrainingFigures()
        with prepared_batches(self._batches.batch, range(self.step, end), workers=self._data_workers) as batches:
            for batch in batches:
                result = self._training.learn(self.step, batch)
                if not losses_are_finite(result):
                    raise DivergedError(self.step, "loss")
                figures.add(result)
                self.step += 1
                self._images_seen += result.images
                if batch.unlabelled is not None:
                    self._unreadable.update(batch.unlabelled.unreadable)
        # Reading the figures waits for the device, so the clock may be read afterwards.
        return figures.metrics(self.data.classes.names)

    def _timed_evaluation(self) -> PartEvaluation:
        started = time.perf_counter()
        evaluation = self.evaluate("validation", best=False)
        if not np.isfinite(evaluation.miou):
            raise InputError(
                "the validation windows hold no pixel of a foreground class, so mIoU has no value; "
                "validate with more windows"
            )
        self._evaluation_seconds += time.perf_counter() - started
        return evaluation

    def evaluate(self, part: Literal["validation", "test"], *, best: bool) -> PartEvaluation:
        """Evaluate a part of the data.

        Args:
            part: "validation", which `TrialData` may limit to some windows, or "test", always in full.
            best: Take the model of the best evaluation so far instead of the present average.

        Raises:
            DivergedError: If a prediction is NaN or infinite.
        """
        model = self.best_model() if best else self.model
        try:
            return evaluate_part(model, self.config, self.data, part, self._layout)
        except NonFinitePredictionError as error:
            raise DivergedError(self.step, "prediction") from error

    def best_model(self) -> SegmentationModel:
        """A copy of the averaged model at `best_miou`; the present one before the first evaluation."""
        model = deepcopy(self.model)
        if self._best_state is not None:
            model.load_state_dict(self._best_state)
        return model

    def best_model_state(self) -> dict[str, Any]:
        """What is kept and shipped: `best_model`'s weights, and what is needed to build and use it again."""
        return {
            "format": STATE_FORMAT,
            "config": self.config.model_dump(),
            "classes": {
                "names": list(self.data.classes.names),
                "colours": [list(colour) for colour in self.data.classes.colours],
            },
            "seed": self._seed,
            "step": self._best_step,
            "miou": self.best_miou,
            "model": self.best_model().state_dict(),
        }

    def state_dict(self) -> dict[str, Any]:
        """All that the rest of the training depends on, as live tensors: write it before going on."""
        return {
            "format": STATE_FORMAT,
            "config": self.config.model_dump(),
            "schedule": asdict(self.schedule),
            "seed": self._seed,
            "step": self.step,
            "training": self._training.state_dict(),
            "best_miou": self.best_miou,
            "best_step": self._best_step,
            "best_state": self._best_state,
            "images_seen": self._images_seen,
            "train_seconds": self._train_seconds,
            "evaluation_seconds": self._evaluation_seconds,
            "unreadable": sorted(self._unreadable),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another trainer of the same configuration, seed and data stopped.

        Raises:
            InputError: If the state is of another configuration, schedule or seed, or of another version of the
                program.
        """
        for name, mine in (
            ("format", STATE_FORMAT),
            ("config", self.config.model_dump()),
            ("schedule", asdict(self.schedule)),
            ("seed", self._seed),
        ):
            if state.get(name) != mine:
                raise InputError(
                    f"checkpoint: its {name} is {state.get(name)!r}, but this training's is {mine!r}; "
                    "resume with what it was started with"
                )
        self._training.load_state_dict(state["training"])
        self.step = state["step"]
        self.best_miou = state["best_miou"]
        self._best_step = state["best_step"]
        self._best_state = state["best_state"]
        self._images_seen = state["images_seen"]
        self._train_seconds = state["train_seconds"]
        self._evaluation_seconds = state["evaluation_seconds"]
        self._unreadable = set(state["unreadable"])
