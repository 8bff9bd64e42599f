"""Bringing MLflow up to date with the journal, in the background, without ever holding up the search."""

import time
from collections.abc import Mapping
from typing import Any

from analysis.results import MEAN_SCORES
from search.history import TrialHistory
from search.settings import SearchSettings
from spaces.configuration import TrialConfig
from trainables.journal import Event
from trainables.tracking.delivery import Delivery
from trainables.tracking.records import TrialHeader
from trainables.tracking.search_recorder import SearchRecorder
from trainables.tracking.uri import without_password


class JournalRecorder:
    """Delivers a search's events to MLflow.

    Delivering an event again changes nothing, since runs are found by their tags and metrics carry the event's own
    time.
    """

    def __init__(self, recorder: SearchRecorder, settings: SearchSettings) -> None:
        """Open the search's run and start delivering.

        Raises:
            trainables.tracking.client.TrackingError: If MLflow does not take the search's run.
        """
        self.recorder = recorder
        self.recorder.open_search(recorded_settings(settings))
        self._jobs: dict[str, Event] = {}
        self._opened: set[str] = set()
        self._delivery = Delivery(self._deliver)

    @property
    def rejected(self) -> list[str]:
        """What MLflow refused for good, a line each."""
        return self._delivery.rejected

    def take(self, event: Event) -> None:
        """Take an event that is in the journal; returns at once."""
        self._delivery.take(event)

    def finish(self) -> None:
        """Wait until all is delivered; the recorder is the caller's own afterwards.

        Raises:
            TrackingUnavailable: If MLflow stays away.
        """
        self._delivery.finish()

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
        **{name: test[name] for name in MEAN_SCORES if name in test},
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
