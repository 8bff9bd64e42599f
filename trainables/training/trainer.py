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
from trainables.checkpoint import require_same
from trainables.compute.precision import PLAIN_LAYOUT, ComputeLayout, prepare_device
from trainables.data.loader import BatchLoader, BatchTask
from trainables.data.trained_on import STATE_KEY, recorded_data
from trainables.data.trial_data import TrialData
from trainables.evaluation.evaluation import PartEvaluation, evaluate_part
from trainables.evaluation.metrics import evaluation_metrics
from trainables.evaluation.settings import EvaluationSettings
from trainables.evaluation.sliding_window import NonFinitePredictionError
from trainables.losses.class_weights import class_weights
from trainables.models.segmentation_model import SegmentationModel
from trainables.selftraining.strategy import ThresholdStrategy
from trainables.training.divergence import DivergedError, DivergenceWatch
from trainables.training.initial_model import initial_model
from trainables.training.training_figures import TrainingFigures
from trainables.training.training_step import TrainingStep

STATE_FORMAT = 2
"""Version of what `Trainer.state_dict` and `Trainer.best_model_state` hold."""

PLAIN_EVALUATION = EvaluationSettings()
"""One window for each pixel, seen once."""


class Trainer:
    """Trains the network of one configuration, without Ray.

    Everything random is a function of the seed and the step. A training that is stopped after any evaluation
    and goes on from its `state_dict` in another process gives, on CPUs of one kind with as many threads, bit
    for bit the weights and metrics of one that was never stopped. Compiled networks are excepted: which sizes of
    crops are compiled, and so how they round, depends on what the process compiled before.

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
        layout: ComputeLayout = PLAIN_LAYOUT,
        evaluation: EvaluationSettings = PLAIN_EVALUATION,
        loader: BatchLoader | None = None,
        initialised: bool = True,
    ) -> None:
        """Build network and optimiser.

        Args:
            config: The configuration.
            schedule: When what happens.
            data: The data, shared with other trials of the process.
            seed: At least 0; decides initial weights, order of images, augmentation and dropout.
            encoder_state: Weights that the encoder starts from; random ones by default.
            device: As torch names it: "cpu", "cuda", "cuda:1".
            layout: Precision and memory layout of the networks, and whether they are compiled.
            evaluation: How validation and test predict.
            loader: Makes the batches, of these data; it may serve other trials before and after. By default one
                without worker processes.
            initialised: Whether to draw initial weights; False saves the time where `load_state_dict` comes next.

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
        prepare_device(self._device)
        self._layout = layout
        self._evaluation_settings = evaluation
        self._loader = loader or BatchLoader(data, pin_memory=self._device.type == "cuda")
        self._images_seen = 0
        self._train_seconds = 0.0
        self._data_wait_seconds = 0.0
        self._evaluation_seconds = 0.0
        self._unreadable: set[str] = set()
        self._memory_note: str | None = None
        self._best_step = 0
        self._best_state: dict[str, Tensor] | None = None
        model = initial_model(
            config,
            len(data.classes.names),
            seed=seed if initialised else None,
            encoder_state=encoder_state,
            device=self._device,
            layout=layout,
        )
        weights = torch.from_numpy(class_weights(config, data)).to(self._device)
        self._training = TrainingStep(
            config,
            schedule,
            model,
            class_names=data.classes.names,
            class_weights=weights,
            layout=self._layout,
            seed=seed,
        )
        self._batches = BatchTask(config, seed, self._first_unlabelled_step())

    def _first_unlabelled_step(self) -> int | None:
        """First step with a teacher's pass; None where there is nothing to learn from it."""
        wanted = self.config.selftraining and len(self.data.split.unlabelled) > 0
        return self.schedule.selftraining_start if wanted else None

    @property
    def finished(self) -> bool:
        """Whether all steps of the schedule are done."""
        return self.step >= self.schedule.max_steps

    @property
    def model(self) -> SegmentationModel:
        """The model that is evaluated and kept: the average, in evaluation mode."""
        return self._training.average.model

    @property
    def notes(self) -> tuple[str, ...]:
        """What went otherwise than asked without ending the training, one line each: memory, compilation."""
        return tuple(note for note in (self._memory_note, self._training.compilation.note) if note is not None)

    def advance(self) -> dict[str, float]:
        """Train to the next evaluation and evaluate the averaged model.

        Returns:
            Flat metrics. Losses, `mask_ratio`, `pseudo_share_...` and `steps_per_second` are means since the
            last evaluation, `micro_batch` is of the last step; `images_seen`, `train_seconds` (without
            evaluation), `data_wait_seconds` (the part of it spent waiting for batches), `evaluation_seconds` and
            `unreadable_images` count from the start of the training, interruptions not included.
            `evaluation_metrics` and `TrainingFigures.metrics` say more; what is about pseudo-labels comes with
            self-training.

        Raises:
            DivergedError: If a loss or a prediction is NaN or infinite.
            MemoryError: If memory does not suffice for the smallest micro-batch.
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
        return {
            "step": self.step,
            "best_miou": self.best_miou,
            **evaluation_metrics(evaluation, self.data.classes.names),
            **metrics,
            "steps_per_second": (self.step - first_step) / max(seconds, 1e-9),
            "images_seen": self._images_seen,
            "unreadable_images": len(self._unreadable),
            "train_seconds": self._train_seconds,
            "data_wait_seconds": self._data_wait_seconds,
            "evaluation_seconds": self._evaluation_seconds,
        }

    def _train_to(self, end: int) -> dict[str, float]:
        figures = TrainingFigures()
        watch = DivergenceWatch(self._device)
        with self._loader.batches(self._batches, range(self.step, end), until=self.schedule.max_steps) as batches:
            while self.step < end:
                asked = time.perf_counter()
                batch = next(batches)
                self._data_wait_seconds += time.perf_counter() - asked
                result = self._training.learn(self.step, batch)
                watch.add(self.step, result.failed)
                figures.add(result)
                self.step += 1
                self._images_seen += result.images
                if result.micro_batch < result.images:
                    pieces = f"{result.micro_batch} of {result.images} crops at a time"
                    self._memory_note = f"memory ran out: {pieces}"
                if batch.unlabelled is not None:
                    self._unreadable.update(batch.unlabelled.unreadable)
        watch.look()
        # Reading the figures waits for the device, so the clock may be read afterwards.
        return figures.metrics(self.data.classes.names, self.data.label_shares().tolist())

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
            return evaluate_part(
                model,
                self.config,
                self.data,
                part,
                self._layout,
                settings=self._evaluation_settings,
                strategy=self._judged_strategy(part, best=best),
            )
        except NonFinitePredictionError as error:
            raise DivergedError(self.step, "prediction") from error

    def _judged_strategy(self, part: str, *, best: bool) -> ThresholdStrategy | None:
        """The strategy where its pseudo-labels are to be judged: of the teacher as it is, once it has taught."""
        start = self._batches.unlabelled_from
        begun = start is not None and self.step > start
        return self._training.thresholds if begun and part == "validation" and not best else None

    def best_model(self) -> SegmentationModel:
        """A copy of the averaged model at `best_miou`; the present one before the first evaluation."""
        model = deepcopy(self.model)
        if self._best_state is not None:
            model.load_state_dict(self._best_state)
        return model

    def best_model_state(self) -> dict[str, Any]:
        """What is kept and shipped: `best_model`'s weights, and what is needed to build and use it again.

        Before the first evaluation they are live tensors: write them before going on.
        """
        return {
            "format": STATE_FORMAT,
            "config": self.config.model_dump(),
            "classes": {
                "names": list(self.data.classes.names),
                "colours": [list(colour) for colour in self.data.classes.colours],
            },
            STATE_KEY: recorded_data(self.data),
            "seed": self._seed,
            "step": self._best_step,
            "miou": self.best_miou,
            "model": self.model.state_dict() if self._best_state is None else self._best_state,
        }

    @property
    def best_is_now(self) -> bool:
        """Whether the best evaluation so far is the last one."""
        return self._best_state is not None and self._best_step == self.step

    def state_dict(self, *, with_best: bool = True) -> dict[str, Any]:
        """All that the rest of the training depends on, as live tensors: write it before going on.

        Args:
            with_best: Whether the weights of the best evaluation are in it, too. Without, they are if it was the last
                one, since they are the present average then; else they must be kept apart as `best_model_state`.
        """
        best = self._best_state if with_best else None
        if self.best_is_now:
            # The average's own tensors: a file that holds them twice stores them once.
            best = dict(self.model.state_dict())
        return {
            "format": STATE_FORMAT,
            "config": self.config.model_dump(),
            "schedule": asdict(self.schedule),
            "seed": self._seed,
            "step": self.step,
            "training": self._training.state_dict(),
            "best_miou": self.best_miou,
            "best_step": self._best_step,
            "best_state": best,
            "images_seen": self._images_seen,
            "train_seconds": self._train_seconds,
            "data_wait_seconds": self._data_wait_seconds,
            "evaluation_seconds": self._evaluation_seconds,
            "unreadable": sorted(self._unreadable),
        }

    def load_state_dict(self, state: Mapping[str, Any], best: Mapping[str, Any] | None = None) -> None:
        """Go on where another trainer of the same configuration, seed and data stopped.

        Args:
            state: Its `state_dict`, which is copied.
            best: Its `best_model_state`, for a state that was made without; its tensors are kept.

        Raises:
            InputError: If one of them is of another configuration, schedule or seed, or of another version of the
                program, or they are not of one training.
        """
        require_same(
            state,
            format=STATE_FORMAT,
            config=self.config.model_dump(),
            schedule=asdict(self.schedule),
            seed=self._seed,
        )
        self._training.load_state_dict(state["training"])
        self.step = state["step"]
        self.best_miou = state["best_miou"]
        self._best_step = state["best_step"]
        self._best_state = None
        if state["best_state"] is not None:
            self._best_state = {name: value.clone() for name, value in state["best_state"].items()}
        elif self._best_step > 0:
            best = best or {}
            require_same(best, format=STATE_FORMAT, seed=self._seed, step=self._best_step)
            self._best_state = best["model"]
        self._images_seen = state["images_seen"]
        self._train_seconds = state["train_seconds"]
        self._data_wait_seconds = state["data_wait_seconds"]
        self._evaluation_seconds = state["evaluation_seconds"]
        self._unreadable = set(state["unreadable"])
