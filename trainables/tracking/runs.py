"""The MLflow runs of one experiment: finding, making, filling and ending them."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spaces.errors import InputError
from trainables.tracking import records
from trainables.tracking.client import TrackingError, TrackingRejected, connect, translated
from trainables.tracking.records import EXPERIMENT, PanelLike
from trainables.tracking.uri import artifacts_folder, database_path, without_password

if TYPE_CHECKING:
    from mlflow.entities import Run

_PARAMS_PER_BATCH = 100
_PAGE = 500


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run that is there.

    Attributes:
        run_id: Its id.
        ended_ms: When it ended, in ms since the epoch; None while it runs.
    """

    run_id: str
    ended_ms: int | None


class ExperimentRuns:
    """Writes runs of one experiment, from one thread (any one) of one process.

    Every method may be called again with the same arguments, after a crash or when a server was away: runs are found
    by their tags before they are created, and a metric that arrives twice with the same step, value and time is stored
    once. Every method but `__init__` raises `TrackingUnavailable` when the server, database or artifact store is away
    (the same call may be made again later), and `TrackingRejected` when it refuses.

    Args:
        tracking_uri: A database or server.
        experiment: Name of the experiment.

    Raises:
        InputError: Nothing usable answers at the URI, or the experiment was deleted there.
    """

    def __init__(self, tracking_uri: str, experiment: str = EXPERIMENT) -> None:
        self._client = connect(tracking_uri)
        try:
            self._experiment_id = self._find_or_create_experiment(experiment, database_path(tracking_uri))
        except TrackingError as error:
            raise InputError(f"--tracking-uri {without_password(tracking_uri)}: {error}") from error

    def open(
        self,
        identity: Mapping[str, str],
        name: str,
        started_ms: int,
        tags: dict[str, str],
        params: Mapping[str, str],
    ) -> str:
        """Find the run with the identity's tags and set it running, or create it; complete its parameters.

        Args:
            identity: The tags, of those in `tags`, that no other run has alike.
            name: Name of the run.
            started_ms: When it started, in ms since the epoch.
            tags: All tags.
            params: All parameters.

        Returns:
            The id of the run.
        """
        from mlflow.entities import Param

        with translated():
            run = self._find(identity)
            if run is None:
                run = self._client.create_run(self._experiment_id, started_ms, tags, name)
            elif run.info.status != "RUNNING":
                self._client.update_run(run.info.run_id, "RUNNING")
                for tag in records.ENDING_TAGS:
                    if tag in run.data.tags:
                        self._client.delete_tag(run.info.run_id, tag)
            # A parameter can't be changed once it is there; a crash before this line may have left some out.
            missing = [Param(key, value) for key, value in params.items() if key not in run.data.params]
            for start in range(0, len(missing), _PARAMS_PER_BATCH):
                self._client.log_batch(run.info.run_id, params=missing[start : start + _PARAMS_PER_BATCH])
        return str(run.info.run_id)

    def with_tag(self, name: str, value: str, told_apart_by: str) -> dict[str, FoundRun]:
        """All runs with a tag, by what another tag of theirs says; of runs alike in it only the fullest is left.

        Args:
            name: The tag.
            value: Its value.
            told_apart_by: The other tag, of which no two runs should have the same value.
        """
        found: dict[str, FoundRun] = {}
        with translated():
            # The fullest first: a slow server may have made a run twice, of which one was then filled.
            runs = sorted(self._with_tags({name: value}), key=lambda run: -len(run.data.metrics))
            for run in runs:
                key = run.data.tags.get(told_apart_by)
                if key in found:
                    self._client.delete_run(run.info.run_id)
                elif key is not None:
                    ended = run.info.end_time if run.info.status != "RUNNING" else None
                    found[key] = FoundRun(run.info.run_id, ended)
        return found

    def page_of(self, run: str, artifact: str) -> str:
        """Where MLflow's pages show an artifact of a run, as a link from any other of its pages."""
        return f"#/experiments/{self._experiment_id}/runs/{run}/artifacts/{artifact}"

    def end(self, run: str, status: str, timestamp_ms: int) -> None:
        """End a run with one of MLflow's statuses."""
        with translated():
            self._client.set_terminated(run, status, timestamp_ms)

    def end_for(self, run: str, stop_reason: str, step: int, timestamp_ms: int, error: str | None) -> None:
        """End the run of a trial or training: FAILED after an error, KILLED when interrupted, else FINISHED.

        Args:
            run: Id of the run.
            stop_reason: Why it ended; kept as a tag.
            step: Training steps it made.
            timestamp_ms: When it ended, in ms since the epoch.
            error: Its error, of which the last `records.ERROR_LENGTH` characters are kept.
        """
        self.set_tags(run, records.ending_tags(stop_reason, step, error))
        self.end(run, records.run_status(stop_reason), timestamp_ms)

    def log_metrics(self, run: str, metrics: Mapping[str, float | None], step: int, timestamp_ms: int) -> None:
        """Record metrics of one moment in one request.

        Args:
            run: Id of the run.
            metrics: Flat metrics. Those that are NaN, infinite or None are left out, and named in the tag
                `not_finite`.
            step: Training step of the moment.
            timestamp_ms: When it was, in ms since the epoch: the same at every repetition.
        """
        from mlflow.entities import Metric, RunTag

        finite = records.finite_metrics(metrics)
        left_out = ", ".join(name for name in metrics if name not in finite)
        with translated():
            self._client.log_batch(
                run,
                metrics=[Metric(name, value, timestamp_ms, step) for name, value in finite.items()],
                tags=[RunTag(records.NOT_FINITE_TAG, left_out)] if left_out else [],
            )

    def set_tags(self, run: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run in one request."""
        from mlflow.entities import RunTag

        with translated():
            self._client.log_batch(run, tags=[RunTag(name, value) for name, value in tags.items()])

    def log_json(self, run: str, content: Mapping[str, Any], file_name: str, *, indent: int | None = 2) -> None:
        """Keep a mapping as a JSON file with a run."""
        with translated():
            self._client.log_text(run, json.dumps(dict(content), indent=indent), file_name)

    def log_artifacts(self, run: str, path: Path, artifact_path: str | None = None) -> None:
        """Keep a file, or what is in a folder, with a run, under `artifact_path`."""
        with translated():
            if path.is_dir():
                self._client.log_artifacts(run, str(path), artifact_path)
            else:
                self._client.log_artifact(run, str(path), artifact_path)

    def log_panels(self, run: str, panels: Sequence[PanelLike]) -> None:
        """Keep pictures of predictions under `panels/` of a run, with their captions."""
        with translated(), tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for panel in panels:
                (folder / f"{panel.name}.png").write_bytes(panel.png)
            captions = json.dumps({panel.name: panel.caption for panel in panels}, indent=2)
            (folder / records.CAPTIONS_FILE).write_text(captions, encoding="utf-8")
            self.log_artifacts(run, folder, records.PANELS_FOLDER)
        self.set_tags(run, {records.PANELS_TAG: "true"})

    def log_picture(self, run: str, png: bytes, file_name: str) -> None:
        """Keep a PNG picture with a run."""
        with translated(), tempfile.TemporaryDirectory() as name:
            path = Path(name) / file_name
            path.write_bytes(png)
            self._client.log_artifact(run, str(path))

    def log_model(self, run: str, name: str, step: int, save: Callable[[Path, str], None]) -> None:
        """Keep a model that MLflow can serve as a run's output; one that is there and whole is left as it is.

        Args:
            run: Id of the run.
            name: Name of the model, which no other model of the run has.
            step: Training step that it is from.
            save: Makes a folder with the model; takes the folder's path and the model's id.
        """
        from mlflow.entities import LoggedModelOutput, LoggedModelStatus

        condition = f"source_run_id = {_quoted(run)} AND name = {_quoted(name)}"
        with translated():
            for found in self._client.search_logged_models([self._experiment_id], condition):
                if found.status == LoggedModelStatus.READY:
                    return
                self._client.delete_logged_model(found.model_id)
            model = self._client.create_logged_model(self._experiment_id, name, run)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            save(path, model.model_id)
            with translated():
                self._client.log_model_artifacts(model.model_id, str(path))
        with translated():
            self._client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
            self._client.log_outputs(run, [LoggedModelOutput(model.model_id, step)])

    def _find_or_create_experiment(self, name: str, database: Path | None) -> str:
        with translated():
            found = self._client.get_experiment_by_name(name)
            if found is None:
                # Without a place of its own, a local database's artifacts land in the current folder.
                place = artifacts_folder(database).as_uri() if database else None
                return str(self._client.create_experiment(name, place, dict(records.EXPERIMENT_TAGS)))
            if found.lifecycle_stage != "active":
                raise TrackingRejected(f"the experiment {name!r} is deleted; restore it, or use another database")
            for tag, value in records.EXPERIMENT_TAGS.items():
                if tag not in found.tags:
                    self._client.set_experiment_tag(found.experiment_id, tag, value)
        return str(found.experiment_id)

    def _find(self, tags: Mapping[str, str]) -> "Run | None":
        runs = self._with_tags(tags)
        if len(runs) > 1:
            # A server that is slow enough makes a run twice: the request seemed lost and was sent again.
            runs.sort(key=lambda run: (-len(run.data.metrics), run.info.run_id))
            for double in runs[1:]:
                self._client.delete_run(double.info.run_id)
        return runs[0] if runs else None

    def _with_tags(self, tags: Mapping[str, str]) -> "list[Run]":
        condition = " and ".join(f"tags.`{name}` = {_quoted(value)}" for name, value in tags.items())
        runs: list[Run] = []
        token: str | None = None
        while True:
            page = self._client.search_runs([self._experiment_id], condition, max_results=_PAGE, page_token=token)
            runs += page
            token = page.token
            if not token:
                return runs


def _quoted(value: str) -> str:
    """A text as MLflow's search conditions want it; they know no escapes."""
    for mark in ("'", '"'):
        if mark not in value:
            return f"{mark}{value}{mark}"
    raise TrackingRejected(f"{value}: holds both kinds of quotation marks, which MLflow can't search for")
