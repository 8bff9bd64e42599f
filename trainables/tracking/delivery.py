"""Bringing MLflow up to date with a journal, in the background, without ever holding up the work."""

import logging
import threading
import time
from collections.abc import Callable

from trainables.journal import Event, JournalReader
from trainables.tracking.client import TrackingUnavailable

RETRY_SECONDS = 5.0
"""Wait before what MLflow did not take is offered again."""

PATIENCE_SECONDS = 60.0
"""At the end MLflow is given this long, after each record that it takes, to take the next."""

_REJECTED_KEPT = 100

_log = logging.getLogger(__name__)


class Delivery:
    """Delivers a journal's events in their order, each once, from a thread of its own.

    The journal's file is the spool: while MLflow is away nothing but the place in it is kept in memory, and a resumed
    process delivers what a killed one could not. It begins at the first event, so delivering one again must change
    nothing.

    Attributes:
        rejected: What was refused for good, a line each; the first ones.
    """

    def __init__(self, journal: JournalReader, deliver: Callable[[Event], None]) -> None:
        """Start delivering what the journal holds.

        Args:
            journal: Where the events are.
            deliver: Brings one event to MLflow; `TrackingUnavailable` makes it tried again, any other exception left
                out.
        """
        self._journal = journal
        self._deliver = deliver
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._finishing = False
        self._delivered = 0
        self.rejected: list[str] = []
        self._thread = threading.Thread(target=self._deliver_all, name="mlflow", daemon=True)
        self._thread.start()

    def grown(self) -> None:
        """Note that the journal has more; returns at once."""
        self._journal.grown()
        self._wake.set()

    def finish(self) -> None:
        """Wait until all is delivered; the recorder is the caller's own afterwards.

        Raises:
            TrackingUnavailable: If MLflow took nothing for `PATIENCE_SECONDS`.
        """
        self._finishing = True
        self.grown()
        deadline, delivered = time.monotonic() + PATIENCE_SECONDS, self._delivered
        while self._thread.is_alive() and time.monotonic() < deadline:
            self._thread.join(timeout=0.2)
            if self._delivered > delivered:
                deadline, delivered = time.monotonic() + PATIENCE_SECONDS, self._delivered
        self._stopping.set()
        if self._thread.is_alive():
            kilobytes = self._journal.waiting / 1000
            raise TrackingUnavailable(f"{kilobytes:.0f} kB of the journal wait, and it has been away for too long")

    def _deliver_all(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            while (event := self._journal.next()) is not None and not self._stopping.is_set():
                self._deliver_one(event)
                self._delivered += 1
            if self._finishing:
                break
            self._wake.wait()
        self._journal.close()

    def _deliver_one(self, event: Event) -> None:
        while not self._stopping.is_set():
            try:
                self._deliver(event)
                break
            except TrackingUnavailable as error:
                _log.info("MLflow is away: %s", error)
                self._stopping.wait(RETRY_SECONDS)
            except Exception as error:  # noqa: BLE001 - one record's failure must not keep back those after it
                if len(self.rejected) < _REJECTED_KEPT:
                    self.rejected.append(f"{type(error).__name__}: {error}")
                break
