"""A fixed patience, as the recipe has it: stop when the best mIoU has not risen for a number of evaluations."""

from collections.abc import Mapping

from search.schedulers.rule import STOPPED_FOR_PATIENCE, StoppingRule, Verdict


class Patience(StoppingRule):
    """Stops a trial after `evaluations` evaluations in a row without a new best mIoU."""

    def __init__(self, evaluations: int) -> None:
        self._evaluations = evaluations

    def decide(self, space: str, trial_id: str, reports: Mapping[int, float]) -> Verdict:
        """Count the evaluations since the trial's best one."""
        steps = sorted(reports)
        best = max(range(len(steps)), key=lambda index: (reports[steps[index]], -index))
        waited = len(steps) - 1 - best
        return Verdict(STOPPED_FOR_PATIENCE if waited >= self._evaluations else None)
