"""A fixed patience, as the recipe has it: stop when the best mIoU has not risen for a number of evaluations."""

import math

from search.schedulers.rule import STOPPED_FOR_PATIENCE, Action, Scheduler, Verdict


class Patience(Scheduler):
    """Stops a trial after `evaluations` evaluations in a row without a new best mIoU."""

    def __init__(self, evaluations: int) -> None:
        self._evaluations = evaluations
        self._best: dict[str, float] = {}
        self._waited: dict[str, int] = {}

    def reported(self, trial_id: str, step: int, miou: float) -> Verdict:
        """Count the evaluations since the trial's best one; one without a number is none with a new best."""
        if not math.isnan(miou) and miou > self._best.get(trial_id, -math.inf):
            self._best[trial_id] = miou
            self._waited[trial_id] = 0
            return Verdict()
        self._waited[trial_id] = self._waited.get(trial_id, 0) + 1
        if self._waited[trial_id] >= self._evaluations:
            return Verdict(Action.STOP, STOPPED_FOR_PATIENCE)
        return Verdict()

    def ended(self, trial_id: str, stop_reason: str) -> None:
        """Forget the trial."""
        self._best.pop(trial_id, None)
        self._waited.pop(trial_id, None)
