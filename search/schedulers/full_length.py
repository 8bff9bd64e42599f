"""No early stopping: every trial is trained to its full length."""

from collections.abc import Mapping

from search.schedulers.rule import StoppingRule, Verdict


class FullLength(StoppingRule):
    """Lets every trial go on."""

    def decide(self, space: str, trial_id: str, reports: Mapping[int, float]) -> Verdict:
        """Never stops."""
        return Verdict()
