"""Recording a full training in MLflow: one run of its own, beside those of the searches."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spaces.configuration import TrialConfig
from trainables.tracking import records
from trainables.tracking.records import EXPERIMENT, PanelLike
from trainables.tracking.runs import ExperimentRuns


class TrainingRecorder:
    """Writes one training to MLflow, from one thread (any one).

    Every method may be called again with the same arguments, and raises, as `ExperimentRuns` does.

    Args:
        tracking_uri: A database or server.
        experiment: Name of the experiment that the run belongs to.
        settings: The content of the training's `settings.json`. Two trainings of one name are told apart by when they
            were created.

    Raises:
        InputError: Nothing usable answers at the URI, or the experiment was deleted there.
    """

    def __init__(self, tracking_uri: str, experiment: str = EXPERIMENT, *, settings: Mapping[str, Any]) -> None:
        self._runs = ExperimentRuns(tracking_uri, experiment)
        self._settings = settings
        self._run = ""

    def open(self) -> str:
        """Find or create the run, with configuration and settings; one that had ended runs again.

        Returns:
            The id of the run.
        """
        settings = self._settings
        tags = records.training_tags(settings)
        identity = {name: tags[name] for name in (records.KIND_TAG, records.TRAINING_TAG, records.TRAINING_CREATED_TAG)}
        params = records.config_params(TrialConfig.model_validate(settings["config"]))
        params |= records.training_params(settings)
        self._run = self._runs.open(identity, settings["name"], records.started_ms(settings), tags, params)
        self._runs.log_json(self._run, settings, records.SETTINGS_FILE)
        return self._run

    def log_evaluation(self, step: int, metrics: Mapping[str, float | None], timestamp_ms: int) -> None:
        """Record all metrics of one evaluation in one request; the time is the same at every repetition."""
        self._runs.log_metrics(self._run, {**metrics, "step": step}, step, timestamp_ms)

    def log_test(self, evaluation: Mapping[str, Any], metrics: Mapping[str, float], timestamp_ms: int) -> None:
        """Keep the evaluation on the test part, and its figures as metrics."""
        self._runs.log_json(self._run, evaluation, records.TEST_FILE, indent=None)
        self._runs.log_metrics(self._run, metrics, 0, timestamp_ms)
        self._runs.set_tags(self._run, {records.TESTED_TAG: "true"})

    def log_best(self, checkpoint: Path, panels: Sequence[PanelLike]) -> None:
        """Keep the best checkpoint under `checkpoint/` and pictures of its predictions under `panels/`."""
        self._runs.log_artifacts(self._run, checkpoint, records.CHECKPOINT_FOLDER)
        if panels:
            self._runs.log_panels(self._run, panels)

    def close(self, stop_reason: str, step: int, timestamp_ms: int, error: str | None = None) -> None:
        """End the run; see `ExperimentRuns.end_for`."""
        self._runs.end_for(self._run, stop_reason, step, timestamp_ms, error)
