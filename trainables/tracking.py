"""Recording a search in MLflow: one run for the search and, below it, one run for each of its trials.

Only the process that drives the search writes. Every method of `SearchRecorder` may be called again with the
same arguments, after a crash or when a server was away: runs are found by their tags before they are created,
and a metric that arrives twice with the same step, value and time is stored once.
"""

import json
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spaces.errors import InputError
from trainables import tracking_records as records
from trainables.tracking_records import EXPERIMENT, PanelLike, TrialHeader
from trainables.tracking_uri import (
    SERVER_SCHEMES,
    artifacts_folder,
    check_tracking_uri,
    database_path,
    scheme_of,
    without_password,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_PARAMS_PER_BATCH = 100
_CHECK_SECONDS = 5
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


class TrackingError(Exception):
    """MLflow did not take what was to be recorded."""


class TrackingUnavailable(TrackingError):  # noqa: N818 - reads as the state it reports
    """The server, database or artifact store can't be reached: the same call may succeed later."""


class TrackingRejected(TrackingError):  # noqa: N818 - reads as the state it reports
    """The server refused (a run deleted meanwhile, an invalid value): repeating the call won't help."""


def connect(tracking_uri: str, *, must_exist: bool = False) -> "MlflowClient":
    """Open a client on a tracking URI and make sure, within seconds, that something answers there.

    A local database is created when it is missing. MLflow's usage telemetry is off, and a request to a
    server is repeated once instead of for minutes, unless the environment says otherwise. MLflow's own log
    lines are not shown: what goes wrong is raised.

    Args:
        tracking_uri: A database or server.
        must_exist: Refuse a local database that is not there.

    Raises:
        InputError: Nothing usable answers at the URI.
    """
    check_tracking_uri(tracking_uri, must_exist=must_exist)
    for name, value in _ENVIRONMENT.items():
        # MLflow takes these from the environment only, telemetry's at its first import.
        os.environ.setdefault(name, value)
    import sqlalchemy
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    path = database_path(tracking_uri)
    uri = tracking_uri if path is None else f"sqlite:///{path.as_posix()}"
    try:
        with _patience(seconds=_CHECK_SECONDS):
            if path is None and scheme_of(uri) not in SERVER_SCHEMES:
                # MLflow retries a database for minutes; one attempt of our own says the same at once.
                sqlalchemy.create_engine(uri).connect().close()
            client = MlflowClient(tracking_uri=uri)
            client.search_experiments(max_results=1)
    except (MlflowException, sqlalchemy.exc.SQLAlchemyError, OSError, ImportError, ValueError) as error:
        raise InputError(
            f"--tracking-uri {without_password(tracking_uri)}: no MLflow database or server can be used there"
            f" ({_reason(error)}); start the server, correct the URI, or leave the option out"
        ) from error
    return client


class SearchRecorder:
    """Writes one search to MLflow, from one thread (any one) of the process that drives it.

    Every method but `__init__` raises `TrackingUnavailable` when the server, database or artifact store is
    away (the same call may be made again later), and `TrackingRejected` when it refuses.

    Args:
        tracking_uri: A database or server.
        experiment: Name of the experiment that the search's run belongs to.
        search_name: The search's name.

    Raises:
        InputError: Nothing usable answers at the URI, or the experiment was deleted there.
    """

    def __init__(self, tracking_uri: str, experiment: str = EXPERIMENT, *, search_name: str) -> None:
        self._client = connect(tracking_uri)
        self._search_name = search_name
        self._search_run = ""
        self._trial_runs: dict[str, str] = {}
        try:
            self._experiment_id = self._find_or_create_experiment(experiment, database_path(tracking_uri))
        except TrackingError as error:
            raise InputError(f"--tracking-uri {without_password(tracking_uri)}: {error}") from error

    def open_search(self, settings: Mapping[str, Any]) -> str:
        """Find or create the search's run, with its settings as parameters and as `settings.json`.

        Args:
            settings: The content of the search's `settings.json`. Two searches of one name are told apart by
                when they were created.

        Returns:
            The id of the search's run.
        """
        tags = records.search_tags(self._search_name, settings)
        identity = {name: tags[name] for name in (records.KIND_TAG, records.SEARCH_TAG, records.CREATED_TAG)}
        params = records.search_params(settings)
        with _translated():
            self._search_run = self._open(
                identity, self._search_name, records.search_started_ms(settings), tags, params
            )
            self._client.log_text(self._search_run, json.dumps(dict(settings), indent=2), records.SETTINGS_FILE)
        return self._search_run

    def open_trial(self, trial: TrialHeader) -> str:
        """Find or create a trial's run, with its tags and configuration; one that had ended runs again.

        Returns:
            The id of the trial's run.
        """
        tags = records.trial_tags(trial, search_name=self._search_name, search_run=self._search_run)
        identity = {name: tags[name] for name in (records.PARENT_TAG, records.TRIAL_TAG)}
        params = records.trial_params(trial.config)
        with _translated():
            run = self._open(identity, trial.trial_id, trial.started_ms, tags, params)
        self._trial_runs[trial.trial_id] = run
        return run

    def log_evaluation(self, trial_id: str, step: int, metrics: Mapping[str, float | None], timestamp_ms: int) -> None:
        """Record all metrics of one evaluation in one request.

        Args:
            trial_id: A trial that was opened.
            step: Training step of the evaluation.
            metrics: Flat metrics. Those that are NaN, infinite or None are left out, and named in the tag
                `not_finite`.
            timestamp_ms: When the evaluation took place, in ms since the epoch: the same at every repetition.
        """
        self._log_metrics(self._run_of(trial_id), {**metrics, "step": step}, step, timestamp_ms)

    def log_costs(self, trial_id: str, costs: Mapping[str, float | None], timestamp_ms: int) -> None:
        """Record what a trial's network costs; of several measurements the latest counts."""
        self._log_metrics(self._run_of(trial_id), costs, 0, timestamp_ms)

    def close_trial(
        self, trial_id: str, stop_reason: str, step: int, timestamp_ms: int, error: str | None = None
    ) -> None:
        """End a trial's run: FAILED after an error, KILLED when interrupted, else FINISHED.

        Args:
            trial_id: A trial that was opened.
            stop_reason: Why it ended; kept as a tag.
            step: Training steps it made.
            timestamp_ms: When it ended, in ms since the epoch.
            error: Its error, of which the last `tracking_records.ERROR_LENGTH` characters are kept.
        """
        run = self._run_of(trial_id)
        with _translated():
            self._set_tags(run, records.ending_tags(stop_reason, step, error))
            self._client.set_terminated(run, records.run_status(stop_reason), timestamp_ms)

    def log_test(self, evaluation: Mapping[str, Any]) -> None:
        """Keep a finalist's evaluation on the test part (`analysis.results.evaluation_to_json`)."""
        run = self._run_of(str(evaluation["trial_id"]))
        with _translated():
            self._client.log_text(run, json.dumps(dict(evaluation)), records.TEST_FILE)
            self._set_tags(run, {records.TESTED_TAG: "true"})

    def log_panels(self, trial_id: str, panels: Sequence[PanelLike]) -> None:
        """Keep pictures of a trial's predictions under `panels/` of its run, with their captions."""
        run = self._run_of(trial_id)
        with _translated(), tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for panel in panels:
                (folder / f"{panel.name}.png").write_bytes(panel.png)
            captions = json.dumps({panel.name: panel.caption for panel in panels}, indent=2)
            (folder / records.CAPTIONS_FILE).write_text(captions, encoding="utf-8")
            self._client.log_artifacts(run, str(folder), records.PANELS_FOLDER)
            self._set_tags(run, {records.PANELS_TAG: "true"})

    def log_checkpoint(self, trial_id: str, checkpoint: Path) -> None:
        """Keep a trial's checkpoint file under `checkpoint/` of its run; meant for the best trial only."""
        run = self._run_of(trial_id)
        with _translated():
            self._client.log_artifact(run, str(checkpoint), records.CHECKPOINT_FOLDER)

    def log_artifacts(self, path: Path, artifact_path: str | None = None) -> None:
        """Keep a file, or what is in a folder, with the search's run, under `artifact_path`."""
        with _translated():
            if path.is_dir():
                self._client.log_artifacts(self._search_run, str(path), artifact_path)
            else:
                self._client.log_artifact(self._search_run, str(path), artifact_path)

    def log_summary(self, summary: Mapping[str, Any], *, verdict: str, report: Path | None, timestamp_ms: int) -> None:
        """Show a search's result on its run: numbers as metrics, verdict and report in the description.

        Args:
            summary: The content of `summary.json`; kept under that name too.
            verdict: The verdict, a sentence or a paragraph.
            report: The report's page, if there is one.
            timestamp_ms: When the search ended, in ms since the epoch.
        """
        note = records.search_note(summary, verdict, report)
        with _translated():
            self._client.log_text(self._search_run, json.dumps(dict(summary), indent=2), records.SUMMARY_FILE)
            self._set_tags(self._search_run, {"verdict": verdict, records.NOTE_TAG: note})
        self._log_metrics(self._search_run, records.summary_metrics(summary), 0, timestamp_ms)

    def close_search(self, status: Literal["finished", "failed", "interrupted"], timestamp_ms: int) -> None:
        """End the search's run."""
        word = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}[status]
        with _translated():
            self._client.set_terminated(self._search_run, word, timestamp_ms)

    def _find_or_create_experiment(self, name: str, database: Path | None) -> str:
        with _translated():
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
        condition = " and ".join(f"tags.`{name}` = {_quoted(value)}" for name, value in tags.items())
        runs = self._client.search_runs([self._experiment_id], condition, max_results=1)
        return runs[0] if runs else None

    def _open(
        self,
        identity: Mapping[str, str],
        name: str,
        started_ms: int,
        tags: dict[str, str],
        params: Mapping[str, str],
    ) -> str:
        """Find the run with the identity's tags and set it running, or create it; complete its parameters."""
        from mlflow.entities import Param

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

    def _run_of(self, trial_id: str) -> str:
        if trial_id not in self._trial_runs:
            raise TrackingRejected(f"trial {trial_id}: open_trial comes before everything else about it")
        return self._trial_runs[trial_id]

    def _log_metrics(self, run: str, metrics: Mapping[str, float | None], step: int, timestamp_ms: int) -> None:
        from mlflow.entities import Metric, RunTag

        finite = records.finite_metrics(metrics)
        left_out = ", ".join(name for name in metrics if name not in finite)
        with _translated():
            self._client.log_batch(
                run,
                metrics=[Metric(name, value, timestamp_ms, step) for name, value in finite.items()],
                tags=[RunTag(records.NOT_FINITE_TAG, left_out)] if left_out else [],
            )

    def _set_tags(self, run: str, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        self._client.log_batch(run, tags=[RunTag(name, value) for name, value in tags.items()])


@contextmanager
def _patience(*, seconds: int) -> Iterator[None]:
    """Within it, a request to a server is made once and waits at most `seconds`."""
    limits = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": str(seconds)}
    before = {name: os.environ[name] for name in limits}
    os.environ.update(limits)
    try:
        yield
    finally:
        os.environ.update(before)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what MLflow, its database and artifact stores raise into the errors a caller tells apart."""
    import sqlalchemy
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        status = error.get_http_status_code()
        may_pass = status >= 500 or status in (408, 409, 429, 499)
        raise (TrackingUnavailable if may_pass else TrackingRejected)(_reason(error)) from error
    except (OSError, sqlalchemy.exc.SQLAlchemyError) as error:
        # What `requests` and the artifact stores raise are kinds of OSError.
        raise TrackingUnavailable(_reason(error)) from error


def _reason(error: Exception) -> str:
    """The first line of an error, without passwords: MLflow explains itself over many lines."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return without_password(lines[0])[:300]


def _quoted(value: str) -> str:
    """A text as MLflow's search conditions want it; they know no escapes."""
    for mark in ("'", '"'):
        if mark not in value:
            return f"{mark}{value}{mark}"
    raise TrackingRejected(f"{value}: holds both kinds of quotation marks, which MLflow can't search for")
