"""Bringing MLflow up to date with the journal, in the background, without ever holding up the search."""

import logging
import queue
import threading
import time
from collections.abc import Mapping
from typing import Any

from search.history import TrialHistory
from search.journal import Event
from search.settings import SearchSettings
from spaces.configuration import TrialConfig
from trainables.tracking import SearchRecorder, TrackingUnavailable
from trainables.tracking_records import TrialHeader
from trainables.tracking_uri import without_password

RETRY_SECONDS = 5.0
"""Wait before what MLflow did not take is offered again."""

PATIENCE_SECONDS = 60.0
"""At its end a search waits this long for MLflow to take what is left."""

_log = logging.getLogger(__name__)


class JournalRecorder:
    """Delivers journal events to MLflow in their order, each once, from a thread of its own.

    While MLflow is away the events wait; the journal keeps them, so that a resumed search delivers what a killed one
    could not. Delivering an event again changes nothing, since runs are found by their tags and metrics carry the
    event's own time.
    """

    def __init__(self, recorder: SearchRecorder, settings: SearchSettings) -> None:
        """Open the search's run and start delivering.

        Raises:
            trainables.tracking.TrackingError: If MLflow does not take the search's run.
        """
        self.recorder = recorder
        self.recorder.open_search(recorded_settings(settings))
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._jobs: dict[str, Event] = {}
        self._opened: set[str] = set()
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

    def _deliver(self, event: Event) -> None:
        kind = event["event"]
        milliseconds = round(event["time"] * 1000)
        if kind == "proposed":
            self._jobs[event["trial_id"]] = event
        elif kind == "started":
            self._open(event["trial_id"], milliseconds)
        elif kind == "reported":
            self.recorder.log_evaluation(event["trial_id"], event["step"], event["metrics"], milliseconds)
        elif kind == "tested":
            self.recorder.log_test(evaluation_record(self._jobs[event["trial_id"]], event["test"]))
        elif kind == "ended":
            if event["trial_id"] not in self._opened:
                self._open(event["trial_id"], milliseconds)
            self.recorder.close_trial(
                event["trial_id"], event["stop_reason"], event["step"], milliseconds, event.get("error")
            )

    def _open(self, trial_id: str, started_ms: int) -> None:
        self.recorder.open_trial(_header(self._jobs[trial_id], started_ms))
        self._opened.add(trial_id)


def recorded_settings(settings: SearchSettings) -> dict[str, Any]:
    """The settings as MLflow shows them to everyone who may look: without the passwords of URIs."""
    content = settings.model_dump(mode="json")
    for name in ("tracking_uri", "storage"):
        content[name] = without_password(content[name])
    return content | {"command": [without_password(word) for word in settings.command]}


def evaluation_record(job: Mapping[str, Any], test: Mapping[str, Any]) -> dict[str, Any]:
    """A finalist's evaluation on the test part as `analysis.results` keeps it."""
    return {
        "trial_id": job["trial_id"],
        "space": job["space"],
        "role": job["role"],
        "seed": job["seed"],
        "groups": test["groups"],
        "confusion": test["confusion"],
    }


def log_costs(recorder: SearchRecorder, trials: list[TrialHistory], costs: Mapping[str, Mapping[str, float]]) -> None:
    """Record with each trial what its network costs."""
    now = round(time.time() * 1000)
    for trial in trials:
        measured = costs.get(repr(trial.job.config.network_key()))
        if measured is not None and trial.started_at is not None:
            recorder.log_costs(trial.job.trial_id, measured, now)


def _header(proposed: Event, started_ms: int) -> TrialHeader:
    return TrialHeader(
        trial_id=proposed["trial_id"],
        space=proposed["space"],
        phase=proposed["phase"],
        role=proposed["role"],
        seed=proposed["seed"],
        config=TrialConfig.model_validate(proposed["config"]),
        started_ms=started_ms,
        source_trial_id=proposed.get("source_trial_id"),
    )
