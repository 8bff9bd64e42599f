"""Deleting checkpoints as the search goes: only those stay that can still resume or win."""

from search.controller import trials_kept
from search.history import SearchHistory
from search.settings import SearchSettings
from trainables.checkpoint_store import LAST, CheckpointStore
from trainables.journal import Event


class CheckpointCleaner:
    """Listens to the journal; after each ending it deletes what nobody will ask for again."""

    def __init__(self, store: CheckpointStore, settings: SearchSettings, history: SearchHistory) -> None:
        self._store = store
        self._spaces = tuple(settings.spaces)
        self._history = history
        self._deleted: set[str] = set()

    def take(self, event: Event) -> None:
        """Clean up after an `ended` event; others change nothing."""
        if event["event"] != "ended":
            return
        kept = trials_kept(self._history, self._spaces)
        for name, trial in self._history.trials.items():
            if not trial.ended or name in self._deleted:
                continue
            if name in kept:
                self._store.delete(name, LAST)
            else:
                self._store.delete(name)
                self._deleted.add(name)
