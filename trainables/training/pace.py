"""How fast a configuration trains where it will be trained: real steps, evaluations and checkpoints, timed."""

import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from spaces.configuration import TrialConfig
from spaces.schedule import Schedule

if TYPE_CHECKING:
    from torch import Tensor

    from trainables.compute.precision import ComputeLayout
    from trainables.data.loader import BatchLoader
    from trainables.data.trial_data import TrialData
    from trainables.evaluation.settings import EvaluationSettings

STEPS_BETWEEN = 2
"""Steps of a timed interval."""

FEWEST_INTERVALS = 1
MOST_INTERVALS = 5

LONGEST_S = 2.0
"""No further interval is begun after this time, once there were `FEWEST_INTERVALS`."""

TIMED_WINDOWS = 32
"""Validation windows that are timed at most; what a whole evaluation takes follows from its number of windows."""

_ENDLESS = 1_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """What a training takes, in seconds of the clock.

    Attributes:
        step: An optimiser step, with self-training where the configuration has it.
        evaluation: An evaluation on the validation part.
        checkpoint: Keeping the checkpoints after an evaluation.
        start: Building network and optimiser, and the first step, which chooses algorithms.
        test: The evaluation of a finalist on the whole test part.
    """

    step: float
    evaluation: float
    checkpoint: float
    start: float
    test: float

    @classmethod
    def mean(cls, paces: Sequence[Self]) -> Self:
        """The mean of several, at least one."""
        return cls(**{name: statistics.fmean(getattr(pace, name) for pace in paces) for name in cls.__slots__})


def measure_pace(
    config: TrialConfig,
    data: "TrialData",
    *,
    validation_windows: int | None,
    device: str,
    layout: "ComputeLayout",
    evaluation: "EvaluationSettings",
    loader: "BatchLoader",
    encoder_state: "Mapping[str, Tensor] | None" = None,
) -> Pace:
    """Train a configuration for a few intervals and time them.

    Self-training is on from the first step, as it is in nearly all of a training.

    Args:
        config: The configuration.
        data: The data, with at most `TIMED_WINDOWS` validation windows.
        validation_windows: Windows that an evaluation covers at most; None for the whole validation part.
        device: As torch names it.
        layout: How the network is computed.
        evaluation: How validation predicts.
        loader: Makes the batches.
        encoder_state: Initial weights; they matter for nothing but the time that they take to load.
    """
    from trainables.training.trainer import Trainer

    schedule = Schedule(
        max_steps=_ENDLESS,
        eval_every=STEPS_BETWEEN,
        # Learning rates stay next to nothing: no configuration can diverge in so few steps.
        warmup_steps=_ENDLESS,
        selftraining_start=0,
        selftraining_ramp=0,
        ema_decay=0.9,
        threshold_decay=0.9,
    )
    began = time.perf_counter()
    trainer = Trainer(
        config,
        schedule,
        data,
        seed=0,
        encoder_state=encoder_state,
        device=device,
        layout=layout,
        evaluation=evaluation,
        loader=loader,
    )
    first = trainer.advance()
    start = time.perf_counter() - began - first["evaluation_seconds"]
    steps: list[float] = []
    evaluations: list[float] = []
    deadline = time.perf_counter() + LONGEST_S
    before = first
    while len(steps) < FEWEST_INTERVALS or (len(steps) < MOST_INTERVALS and time.perf_counter() < deadline):
        metrics = trainer.advance()
        steps.append((metrics["train_seconds"] - before["train_seconds"]) / STEPS_BETWEEN)
        evaluations.append(metrics["evaluation_seconds"] - before["evaluation_seconds"])
        before = metrics
    # A whole evaluation takes as many times the timed one's seconds as it has windows.
    per_window = statistics.median(evaluations) / _windows(data, "validation", TIMED_WINDOWS)
    step = statistics.median(steps)
    return Pace(
        step=step,
        evaluation=per_window * _windows(data, "validation", validation_windows),
        checkpoint=_checkpoint_seconds(trainer.state_dict()),
        start=max(0.0, start - STEPS_BETWEEN * step),
        test=per_window * _windows(data, "test", None),
    )


def _windows(data: "TrialData", part: str, most: int | None) -> float:
    """Windows of a part, its images' area in units of a validation window's."""
    from trainables.data.trial_data import VALIDATION_WINDOW_SIZE

    area = sum(record.height * record.width for record in data.records(part))
    whole = area / VALIDATION_WINDOW_SIZE**2
    return whole if most is None else min(whole, float(most))


def _checkpoint_seconds(state: dict[str, object]) -> float:
    from trainables.checkpoint import write_checkpoint

    with tempfile.TemporaryDirectory(prefix="segpareto-pace-") as folder:
        began = time.perf_counter()
        write_checkpoint(Path(folder) / "last.pt", state)
        return time.perf_counter() - began
