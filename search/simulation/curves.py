"""Where simulated trials get their evaluations from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from search.history import TrialJob


class Curves(Protocol):
    """What each trial would score."""

    def miou(self, job: TrialJob, step: int) -> float:
        """Foreground mIoU on the validation part of a trial at a step; NaN: it has diverged there."""


@dataclass(frozen=True, slots=True)
class RecordedCurves:
    """Curves from a table, by trial.

    Attributes:
        mious: Evaluations of each trial in their order; one that is cut short diverged there.
        eval_every: Steps between evaluations.
        max_steps: Steps of a full training.
    """

    mious: Mapping[str, Sequence[float]]
    eval_every: int
    max_steps: int

    def miou(self, job: TrialJob, step: int) -> float:
        """The value recorded for the trial's configuration."""
        values = self.mious[job.trial_id]
        index = -(-min(step, self.max_steps) // self.eval_every) - 1
        return values[index] if index < len(values) else float("nan")
