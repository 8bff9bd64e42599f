"""A full training's way into MLflow: from its journal, in the background, without ever holding it up."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spaces.errors import InputError
from trainables.full_training.settings import TrainingSettings
from trainables.journal import TRAINING_FILE, Event, JournalReader
from trainables.tracking.client import TrackingError, TrackingUnavailable
from trainables.tracking.delivery import Delivery
from trainables.tracking.records import PanelLike
from trainables.tracking.training_recorder import TrainingRecorder
from trainables.tracking.uri import without_password

_NOT_METRICS = {"event", "time", "step"}


class TrainingRecording:
    """Delivers a training's journal to MLflow; while MLflow is away the training goes on."""

    def __init__(self, settings: TrainingSettings, folder: Path, recorder: TrainingRecorder | None = None) -> None:
        """Start delivering.

        Args:
            settings: The training.
            folder: Its folder, with its journal.
            recorder: Where to; by default one that is made with the first event, and again until that succeeds.
        """
        self._settings = settings
        self._recorder = recorder
        self._opened = False
        self._delivery = Delivery(JournalReader(folder, TRAINING_FILE), self._deliver)

    def take(self, event: Event) -> None:
        """Note that an event is in the journal; returns at once."""
        self._delivery.grown()

    def finish(self, best: Path | None, panels: Sequence[PanelLike]) -> list[str]:
        """Wait until all is delivered, then bring the best model.

        Returns:
            What MLflow did not take, a line each.
        """
        failures = []
        try:
            self._delivery.finish()
            if best is not None:
                self._open_recorder().log_best(best, panels)
        except TrackingError as error:
            words = f"python -m trainables.train --resume --name {self._settings.name}"
            failures.append(f"not all is in MLflow ({error}); {words} delivers the rest")
        return failures + [f"MLflow refused a record: {refusal}" for refusal in self._delivery.rejected[:3]]

    def _open_recorder(self) -> TrainingRecorder:
        if self._recorder is None:
            try:
                self._recorder = make_recorder(self._settings)
            except InputError as error:
                raise TrackingUnavailable(str(error)) from error
        if not self._opened:
            self._recorder.open()
            self._opened = True
        return self._recorder

    def _deliver(self, event: Event) -> None:
        if event["event"] == "opened":
            # A sitting begins: what the one before it ended goes on.
            self._opened = False
        recorder = self._open_recorder()
        milliseconds = round(event["time"] * 1000)
        if event["event"] == "evaluated":
            metrics = {name: value for name, value in event.items() if name not in _NOT_METRICS}
            recorder.log_evaluation(event["step"], metrics, milliseconds)
        elif event["event"] == "tested":
            recorder.log_test(event["evaluation"], event["metrics"], milliseconds)
        elif event["event"] == "ended":
            recorder.close(event["stop_reason"], event["step"], milliseconds, event.get("error"))


def make_recorder(settings: TrainingSettings) -> TrainingRecorder:
    """The recorder of a training.

    Raises:
        InputError: Nothing usable answers at its tracking URI.
    """
    return TrainingRecorder(settings.tracking_uri, settings=recorded_settings(settings))


def recorded_settings(settings: TrainingSettings) -> dict[str, Any]:
    """The settings as MLflow shows them to everyone who may look: without the passwords of URIs."""
    content = settings.model_dump(mode="json")
    content["tracking_uri"] = without_password(settings.tracking_uri)
    return content | {"command": [without_password(word) for word in settings.command]}
