"""A moment of a search, as a display shows it."""

from collections import Counter
from dataclasses import dataclass

from search.history import TrialHistory


@dataclass(frozen=True, slots=True)
class Progress:
    """What a display shows: a moment of the search.

    Attributes:
        phase: `search` or `finalist`.
        planned: Trials of the phase.
        running: Running trials.
        ended: Number of ended trials of the phase by stop_reason.
        trials: All trials of the phase.
        steps: Steps trained since the phase began in this sitting.
        seconds: Time since then.
    """

    phase: str
    planned: int
    running: tuple[TrialHistory, ...]
    ended: Counter[str]
    trials: tuple[TrialHistory, ...]
    steps: int
    seconds: float
