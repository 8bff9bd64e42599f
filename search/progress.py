"""A moment of a search, as a display shows it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from search.history import Phase, SearchHistory, TrialHistory
from search.settings import SearchSettings


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


def progress_of(
    settings: SearchSettings,
    history: SearchHistory,
    phase: Phase,
    *,
    running: Sequence[str],
    steps_before: int,
    seconds: float,
) -> Progress:
    """A moment of a phase, in copies: a display reads them while the search goes on.

    Args:
        settings: The search.
        history: What happened so far.
        phase: The phase.
        running: Its running trials.
        steps_before: Steps that its trials had when it began in this sitting.
        seconds: Time since then.
    """
    copies = {trial.job.trial_id: replace(trial, reports=dict(trial.reports)) for trial in history.of_phase(phase)}
    trials = tuple(copies.values())
    planned = len(trials)
    if phase == "search":
        planned = sum(
            len(history.of_phase("search", space)) if space in history.exhausted else settings.trials_of(space)
            for space in settings.spaces
        )
    return Progress(
        phase=phase,
        planned=planned,
        running=tuple(copies[name] for name in running),
        ended=Counter(trial.stop_reason for trial in trials if trial.ended and trial.stop_reason),
        trials=trials,
        steps=sum(trial.step for trial in trials) - steps_before,
        seconds=seconds,
    )
