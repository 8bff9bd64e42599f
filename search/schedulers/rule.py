"""What every stopping rule is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

STOPPED_FOR_PATIENCE = "patience"
STOPPED_AT_A_RUNG = "pruned"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says after one evaluation.

    Attributes:
        stop_reason: Why the trial must stop, or None: it goes on.
        rung: The rung at which it was judged, if it stands at one.
        cutoff: The value it had to reach there.
    """

    stop_reason: str | None = None
    rung: int | None = None
    cutoff: float | None = None


class StoppingRule(ABC):
    """Decides from evaluations alone, so that the same reports in the same order give the same decisions.

    Trials of different spaces never meet in one comparison: a slow-learning heavy model is not judged against a fast
    light one.
    """

    @abstractmethod
    def decide(self, space: str, trial_id: str, reports: Mapping[int, float]) -> Verdict:
        """Judge a trial after its latest evaluation.

        Args:
            space: The trial's space.
            trial_id: The trial.
            reports: Its foreground mIoU on the validation part by step, the latest evaluation included.
        """
