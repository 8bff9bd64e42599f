"""Which trials' checkpoints may still be needed."""

from search.ensembles import runs_for_ensembles
from search.finalists import trials_with_weights
from search.history import SearchHistory
from search.settings import SearchSettings


def trials_kept(settings: SearchSettings, history: SearchHistory) -> set[str]:
    """Trials that can resume, paused ones among them, and those whose weights may still be asked for."""
    resumable = {name for name, trial in history.trials.items() if not trial.ended}
    return resumable | trials_with_weights(settings, history) | runs_for_ensembles(settings, history)
