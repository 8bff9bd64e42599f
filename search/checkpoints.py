"""Deleting checkpoints as the search goes: only those stay that can still resume or win."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from search.history import SearchHistory
from search.kept_checkpoints import trials_kept
from search.settings import SearchSettings
from trainables.checkpoint_store import LAST, CheckpointStore
from trainables.journal import Event

MOST_OF_THE_TIME = 0.02
"""Share of the time that looking for what can go may take: with thousands of short trials it is done less often."""

_log = logging.getLogger(__name__)


class CheckpointCleaner:
    """Listens to the journal; after an ending it deletes what nobody will ask for again."""

    def __init__(self, store: CheckpointStore, settings: SearchSettings, history: SearchHistory) -> None:
        """Begin, with what a killed sitting left."""
        self._store = store
        self._settings = settings
        self._history = history
        self._done: set[str] = set()
        self._last_gone: set[str] = set()
        self._rest_until = 0.0
        with self._each(""):
            there = store.trials()
            self._done = {name for name, trial in history.trials.items() if trial.ended and name not in there}
            for name in there & history.trials.keys():
                with self._each(name):
                    store.tidy(name)
        self.clean()

    def take(self, event: Event) -> None:
        """Clean up after an `ended` event."""
        if event["event"] == "ended" and time.monotonic() >= self._rest_until:
            self.clean()

    def clean(self) -> None:
        """Delete what can neither resume nor win; what can't be deleted now is tried again the next time."""
        began = time.monotonic()
        ended = [name for name, trial in self._history.trials.items() if trial.ended and name not in self._done]
        kept = trials_kept(self._settings, self._history) if ended else set()
        for name in ended:
            with self._each(name):
                if name not in kept:
                    self._store.delete(name)
                    self._done.add(name)
                elif name not in self._last_gone:
                    self._store.delete(name, LAST)
                    self._last_gone.add(name)
        took = time.monotonic() - began
        self._rest_until = time.monotonic() + took / MOST_OF_THE_TIME

    @contextmanager
    def _each(self, name: str) -> Iterator[None]:
        """One trial whose files can't be reached just now must not keep the others from being cleaned up."""
        try:
            yield
        except OSError as error:
            _log.warning("checkpoints of %s: %s", name or "the search", error)
