"""What Optuna is told of an ended trial: its state, its values, and the evaluations on the way."""

import math
from collections.abc import Sequence

from optuna.study import StudyDirection
from optuna.trial import TrialState

from search.finalists import score_of
from search.history import TrialHistory, miou_of

STOP_REASON = "stop_reason"
"""User attribute of a trial in Optuna: why it ended."""

_STATES = {
    "completed": TrialState.COMPLETE,
    "patience": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "stopped": TrialState.PRUNED,
    "diverged": TrialState.FAIL,
    "out_of_memory": TrialState.FAIL,
    "error": TrialState.FAIL,
}


def directions(objectives: Sequence[str]) -> list[StudyDirection]:
    """Upwards for mIoU, downwards for costs."""
    return [StudyDirection.MAXIMIZE if name == "miou" else StudyDirection.MINIMIZE for name in objectives]


def state_and_values(
    trial: TrialHistory, costs: Sequence[float], objectives: Sequence[str]
) -> tuple[TrialState, list[float] | None]:
    """How a trial ended, in Optuna's terms.

    A trial that was stopped early is PRUNED and never taken for one that was trained to its end; one that diverged,
    broke, or has no result is FAIL.

    Args:
        trial: The ended trial.
        costs: What its network costs, one number per cost objective.
        objectives: The search's objectives, `miou` first.

    Returns:
        The state, and for a COMPLETE trial its value by objective.
    """
    state = _STATES[trial.stop_reason or "error"]
    score = score_of(trial)
    if state == TrialState.COMPLETE:
        values = [math.nan if score is None else score, *costs]
        if len(values) == len(objectives) and all(math.isfinite(value) for value in values):
            return state, values
        return TrialState.FAIL, None
    if state == TrialState.PRUNED and score is None:
        return TrialState.FAIL, None
    return state, None


def evaluations(trial: TrialHistory) -> dict[int, float]:
    """The mIoU of a trial's evaluations by step, those without a finite one left out."""
    found = {step: miou_of(report) for step, report in sorted(trial.reports.items())}
    return {step: miou for step, miou in found.items() if miou is not None}
