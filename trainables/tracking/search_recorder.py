"""Recording a search in MLflow: one run for the search and, below it, one run for each of its trials."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trainables.evaluation.confusion_picture import confusion_picture
from trainables.tracking import records
from trainables.tracking.client import TrackingRejected
from trainables.tracking.records import EXPERIMENT, PanelLike, TrialHeader
from trainables.tracking.runs import ExperimentRuns


class SearchRecorder:
    """Writes one search to MLflow, from one thread (any one) of the process that drives it: only that one writes.

    Every method may be called again with the same arguments, and raises, as `ExperimentRuns` does.

    Args:
        tracking_uri: A database or server.
        experiment: Name of the experiment that the search's run belongs to.
        search_name: The search's name.

    Raises:
        InputError: Nothing usable answers at the URI, or the experiment was deleted there.
    """

    def __init__(self, tracking_uri: str, experiment: str = EXPERIMENT, *, search_name: str) -> None:
        self._runs = ExperimentRuns(tracking_uri, experiment)
        self._search_name = search_name
        self._search_run = ""
        self._classes: tuple[str, ...] = ()
        self._trial_runs: dict[str, str] = {}

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
        started_ms = records.started_ms(settings)
        self._classes = tuple(str(entry["name"]) for entry in settings["data"]["classes"])
        self._search_run = self._runs.open(identity, self._search_name, started_ms, tags, params)
        self._runs.log_json(self._search_run, settings, records.SETTINGS_FILE)
        return self._search_run

    def settled_trials(self) -> dict[str, int]:
        """When each trial's run ended that has ended, in ms since the epoch; the runs that are there need no opening.

        Runs that a slow server made twice are reduced to one.
        """
        found = self._runs.with_tag(records.PARENT_TAG, self._search_run, records.TRIAL_TAG)
        self._trial_runs = {trial_id: run.run_id for trial_id, run in found.items()}
        return {trial_id: run.ended_ms for trial_id, run in found.items() if run.ended_ms is not None}

    def open_trial(self, trial: TrialHeader) -> str:
        """Find or create a trial's run, with its tags and configuration; one that had ended runs again.

        Returns:
            The id of the trial's run.
        """
        tags = records.trial_tags(trial, search_name=self._search_name, search_run=self._search_run)
        identity = {name: tags[name] for name in (records.PARENT_TAG, records.TRIAL_TAG)}
        run = self._runs.open(identity, trial.trial_id, trial.started_ms, tags, records.config_params(trial.config))
        self._trial_runs[trial.trial_id] = run
        return run

    def log_evaluation(self, trial_id: str, step: int, metrics: Mapping[str, float | None], timestamp_ms: int) -> None:
        """Record all metrics of one evaluation in one request.

        Args:
            trial_id: A trial that was opened.
            step: Training step of the evaluation.
            metrics: Flat metrics.
            timestamp_ms: When the evaluation took place, in ms since the epoch: the same at every repetition.
        """
        self._runs.log_metrics(self._run_of(trial_id), {**metrics, "step": step}, step, timestamp_ms)

    def log_costs(self, trial_id: str, costs: Mapping[str, float | None], timestamp_ms: int) -> None:
        """Record what a trial's network costs; of several measurements the latest counts."""
        self._runs.log_metrics(self._run_of(trial_id), costs, 0, timestamp_ms)

    def close_trial(
        self, trial_id: str, stop_reason: str, step: int, timestamp_ms: int, error: str | None = None
    ) -> None:
        """End the run of a trial that was opened; see `ExperimentRuns.end_for`."""
        self._runs.end_for(self._run_of(trial_id), stop_reason, step, timestamp_ms, error)

    def log_rung(self, trial_id: str, rung: int) -> None:
        """Say which rung a trial was judged at last."""
        self._runs.set_tags(self._run_of(trial_id), {records.RUNG_TAG: str(rung)})

    def log_test(self, evaluation: Mapping[str, Any]) -> None:
        """Keep a finalist's evaluation on the test part (`analysis.results.evaluation_to_json`), and its picture."""
        run = self._run_of(str(evaluation["trial_id"]))
        self._runs.log_json(run, evaluation, records.TEST_FILE, indent=None)
        matrix = np.asarray(evaluation["confusion"], dtype=np.int64).sum(axis=0)
        self._runs.log_picture(run, confusion_picture(matrix, self._classes), records.CONFUSION_FILE)
        self._runs.set_tags(run, {records.TESTED_TAG: "true"})

    def log_panels(self, trial_id: str, panels: Sequence[PanelLike]) -> None:
        """Keep pictures of a trial's predictions under `panels/` of its run, with their captions."""
        self._runs.log_panels(self._run_of(trial_id), panels)

    def log_checkpoint(self, trial_id: str, checkpoint: Path) -> None:
        """Keep a trial's checkpoint file under `checkpoint/` of its run; meant for the best trial only."""
        self._runs.log_artifacts(self._run_of(trial_id), checkpoint, records.CHECKPOINT_FOLDER)

    def log_model(self, trial_id: str, name: str, step: int, checkpoint: Mapping[str, Any]) -> None:
        """Keep a trial's best checkpoint as a model that `mlflow models serve` and `mlflow models predict` take."""
        from trainables.tracking.served_model import save_served_model

        self._runs.log_model(
            self._run_of(trial_id),
            name,
            step,
            lambda path, model_id: save_served_model(checkpoint, path, model_id=model_id),
        )

    def log_artifacts(self, path: Path, artifact_path: str | None = None) -> None:
        """Keep a file, or what is in a folder, with the search's run, under `artifact_path`."""
        self._runs.log_artifacts(self._search_run, path, artifact_path)

    def log_summary(self, summary: Mapping[str, Any], *, verdict: str, report: Path | None, timestamp_ms: int) -> None:
        """Show a search's result on its run: numbers as metrics, verdict and report in the description.

        Args:
            summary: The content of `summary.json`; kept under that name too.
            verdict: The verdict, a sentence or a paragraph.
            report: The report's page, if there is one.
            timestamp_ms: When the search ended, in ms since the epoch.
        """
        page = self._runs.page_of(self._search_run, records.REPORT_PAGE)
        note = records.search_note(summary, verdict, report, page)
        self._runs.log_json(self._search_run, summary, records.SUMMARY_FILE)
        self._runs.set_tags(self._search_run, {"verdict": verdict, records.NOTE_TAG: note})
        self._runs.log_metrics(self._search_run, records.summary_metrics(summary), 0, timestamp_ms)

    def close_search(self, status: Literal["finished", "failed", "interrupted"], timestamp_ms: int) -> None:
        """End the search's run."""
        word = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}[status]
        self._runs.end(self._search_run, word, timestamp_ms)

    def _run_of(self, trial_id: str) -> str:
        if trial_id not in self._trial_runs:
            raise TrackingRejected(f"trial {trial_id}: open_trial comes before everything else about it")
        return self._trial_runs[trial_id]
