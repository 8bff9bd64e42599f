"""Bringing MLflow up to date with a journal, in the background, without ever holding up the work."""

import logging
import queue
import threading
import time
from collections.abc import Callable

from trainables.journal import Event
from trainables.tracking.client import TrackingUnavailable

RETRY_SECONDS = 5.0
"""Wait before what MLflow did not take is offered again."""

PATIENCE_SECONDS = 60.0
"""At the end MLflow is given this long, after each record that it takes, to take the next."""

_log = logging.getLogger(__name__)


class Delivery:
    """Delivers a journal's events in their order, each once, from a thread of its own.

    While MLflow is away the events wait; the journal keeps them, so that a resumed process delivers what a killed one
    could not: delivering an event again must change nothing.

    Attributes:
        rejected: What was refused for good, a line each.
    """

    def __init__(self, deliver: Callable[[Event], None]) -> None:
        """Start delivering.

        Args:
            deliver: Brings one event to MLflow; `TrackingUnavailable` makes it tried again, any other exception left
                out.
        """
        self._deliver = deliver
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self.rejected: list[str] = []
        self._thread = threading.Thread(target=self._deliver_all, name="mlflow", daemon=True)
        self._thread.start()

    def take(self, event: Event) -> None:
        """Take an event that is in the journal; returns at once."""
        self._events.put(event)

    def finish(self) -> None:
        """Wait until all is delivered; the recorder is the caller's own afterwards.

        Raises:
            TrackingUnavailable: If MLflow took nothing for `PATIENCE_SECONDS`.
        """
        self._events.put(None)
        deadline = time.monotonic() + PATIENCE_SECONDS
        waiting = self._events.qsize()
        while self._thread.is_alive() and time.monotonic() < deadline:
            self._thread.join(timeout=0.2)
            if self._events.qsize() < waiting:
                waiting = self._events.qsize()
                deadline = time.monotonic() + PATIENCE_SECONDS
        self._stopping.set()
        if self._thread.is_alive():
            raise TrackingUnavailable(f"{self._events.qsize()} records wait, and it has been away for too long")

    def _deliver_all(self) -> None:
        while (event := self._events.get()) is not None:
            while not self._stopping.is_set():
                try:
                    self._deliver(event)
                    break
                except TrackingUnavailable as error:
                    _log.info("MLflow is away: %s", error)
                    self._stopping.wait(RETRY_SECONDS)
                except Exception as error:  # noqa: BLE001 - one record's failure must not keep back those after it
                    self.rejected.append(f"{type(error).__name__}: {error}")
                    break
