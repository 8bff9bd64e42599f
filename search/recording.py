"""Bringing MLflow up to date with the journal, in the background, without ever holding up the search."""

from collections.abc import Mapping
from typing import Any

from analysis.results import MEAN_SCORES
from search.history import TrialHistory
from search.settings import SearchSettings
from spaces.configuration import TrialConfig
from spaces.errors import InputError
from trainables.journal import Event, JournalReader
from trainables.tracking.client import TrackingUnavailable
from trainables.tracking.delivery import Delivery
from trainables.tracking.records import TrialHeader
from trainables.tracking.search_recorder import SearchRecorder
from trainables.tracking.uri import without_password


class JournalRecorder:
    """Delivers a search's journal to MLflow.

    Delivering an event again changes nothing, since runs are found by their tags and metrics carry the event's own
    time. What earlier sittings delivered for sure is not sent again: all of a trial up to the ending that its run has.
    """

    def __init__(self, journal: JournalReader, settings: SearchSettings, recorder: SearchRecorder | None) -> None:
        """Start delivering.

        Args:
            journal: The search's events.
            settings: The search.
            recorder: Where to; None for one that is made when MLflow can be reached.
        """
        self._settings = settings
        self._recorder = recorder
        self._settled: dict[str, int] | None = None
        self._jobs: dict[str, Event] = {}
        self._opened: set[str] = set()
        self._delivery = Delivery(journal, self._deliver)

    @property
    def rejected(self) -> list[str]:
        """What MLflow refused for good, a line each."""
        return self._delivery.rejected

    def take(self, event: Event) -> None:
        """Note that an event is in the journal; returns at once."""
        self._delivery.grown()

    def finish(self) -> SearchRecorder:
        """Wait until all is delivered; gives the recorder, which is the caller's own afterwards.

        Raises:
            TrackingUnavailable: If MLflow stays away.
        """
        self._delivery.finish()
        return self._ready()

    def _ready(self) -> SearchRecorder:
        """The recorder, with the search's run open."""
        if self._recorder is None:
            try:
                self._recorder = SearchRecorder(self._settings.tracking_uri, search_name=self._settings.name)
            except InputError as error:
                raise TrackingUnavailable(str(error)) from error
        if self._settled is None:
            self._recorder.open_search(recorded_settings(self._settings))
            self._settled = self._recorder.settled_trials()
        return self._recorder

    def _deliver(self, event: Event) -> None:
        recorder = self._ready()
        kind, trial_id = event["event"], event.get("trial_id", "")
        milliseconds = round(event["time"] * 1000)
        if kind == "proposed":
            self._jobs[trial_id] = event
        if self._settled is not None and milliseconds <= self._settled.get(trial_id, -1):
            return
        if kind == "started":
            self._open(recorder, trial_id, milliseconds)
        elif kind == "reported":
            recorder.log_evaluation(trial_id, event["step"], event["metrics"], milliseconds)
        elif kind == "decided" and event["rung"] is not None:
            recorder.log_rung(trial_id, event["rung"])
        elif kind == "tested":
            recorder.log_test(evaluation_record(self._jobs[trial_id], event["test"]))
        elif kind == "ended":
            if trial_id not in self._opened:
                self._open(recorder, trial_id, milliseconds)
            recorder.close_trial(trial_id, event["stop_reason"], event["step"], milliseconds, event.get("error"))

    def _open(self, recorder: SearchRecorder, trial_id: str, started_ms: int) -> None:
        recorder.open_trial(_header(self._jobs[trial_id], started_ms))
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
    for trial in trials:
        measured = costs.get(repr(trial.job.config.network_key()))
        if measured is not None and trial.started_at is not None:
            # A time that every sitting gives alike, so that none adds to what an earlier one recorded.
            recorder.log_costs(trial.job.trial_id, measured, round(trial.started_at * 1000))


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
