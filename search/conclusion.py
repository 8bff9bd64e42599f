"""The end of a search's sitting: tables, panels, report, summary, and the rest of MLflow's records.

Each part may fail by itself; the others still follow, and the trials' results are on disk before any of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from analysis.results import Panel
from search.best_models import draw_panels, record_best
from search.history import SearchHistory
from search.outputs import REPORT, now_ms, summary_of, write_configurations, write_summary, write_tables
from search.recording import JournalRecorder, log_costs, recorded_settings
from search.settings import SearchSettings, write_settings
from search.winning_model import record_winner
from trainables.checkpoint_store import CheckpointStore
from trainables.tracking.client import TrackingError
from trainables.tracking.search_recorder import SearchRecorder


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a sitting of a search ended.

    Attributes:
        finished: Whether the search reached its end; otherwise it was interrupted.
        summary: The content of summary.json.
        report: The report's page, if one could be written.
        failures: What could not be done at the end, a line each; the trials' results stand without it.
        halted: Why the search stopped itself, where nothing more could be kept; it has no summary then.
    """

    finished: bool
    summary: dict[str, Any]
    report: Path | None
    failures: tuple[str, ...]
    halted: str | None = None


_Result = TypeVar("_Result")


def conclude(
    settings: SearchSettings,
    folder: Path,
    history: SearchHistory,
    recording: JournalRecorder,
    store: CheckpointStore,
    *,
    failures: Sequence[str] = (),
) -> Outcome:
    """Write what a sitting leaves behind, finished or interrupted.

    Args:
        settings: The search.
        folder: Its folder.
        history: All that happened, the sitting's closing included.
        recording: The journal's way into MLflow.
        store: Where the checkpoints are.
        failures: What could not be done before, a line each.
    """
    failures = list(failures)
    write_tables(folder, history)
    write_configurations(folder, settings, history)
    settings = _with_untrained_floor(settings, history, folder)
    panels: dict[str, list[Panel]] = {}
    if history.finished:
        drawn = _attempt("the panels", lambda: draw_panels(settings, history, store, folder), failures)
        panels = drawn or {}
    # The report reads what the summary says; the verdict, which the summary ends with, comes with the report.
    write_summary(folder, summary_of(settings, history, history.run_seconds, None))
    decision, report = _attempt("the report", lambda: _write_report(settings, folder), failures) or (None, None)
    summary = summary_of(settings, history, history.run_seconds, decision)
    write_summary(folder, summary)
    try:
        recorder = recording.finish()
        _record_end(
            settings, history, recorder, store, summary=summary, report=report, panels=panels, failures=failures
        )
    except TrackingError as error:
        failures.append(
            f"not all is in MLflow ({error}); --resume --name {settings.name} delivers the rest from the journal"
        )
    failures += [f"MLflow refused a record: {refusal}" for refusal in recording.rejected[:3]]
    return Outcome(history.finished, summary, report, tuple(failures))


def _attempt(what: str, work: Callable[[], _Result], failures: list[str]) -> _Result | None:
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - whatever it was, the trials' results must not go with it
        failures.append(f"{what} failed: {type(error).__name__}: {error}")
        return None


def _record_end(
    settings: SearchSettings,
    history: SearchHistory,
    recorder: SearchRecorder,
    store: CheckpointStore,
    *,
    summary: dict[str, Any],
    report: Path | None,
    panels: dict[str, list[Panel]],
    failures: list[str],
) -> None:
    recorder.settled_trials()
    log_costs(recorder, list(history.trials.values()), history.costs)
    recorder.open_search(recorded_settings(settings))
    record_best(recorder, settings, history, store, panels)
    _attempt("the model to serve", lambda: record_winner(recorder, history, store, summary["decision"]), failures)
    verdict = str((summary["decision"] or {}).get("sentence", "no verdict"))
    recorder.log_summary(summary, verdict=verdict, report=report, timestamp_ms=now_ms())
    if report is not None:
        recorder.log_artifacts(report.parent, REPORT)
    recorder.close_search("finished" if history.finished else "interrupted", now_ms())


def _with_untrained_floor(settings: SearchSettings, history: SearchHistory, folder: Path) -> SearchSettings:
    """The settings with what the untrained networks score, which the baselines told with their first evaluation."""
    untrained = [
        report["untrained_miou"]
        for trial in history.of_phase("search")
        for report in trial.reports.values()
        if report.get("untrained_miou") is not None
    ]
    if not untrained:
        return settings
    floors = settings.data.floor_miou | {"untrained": max(untrained)}
    settings = settings.model_copy(update={"data": settings.data.model_copy(update={"floor_miou": floors})})
    write_settings(settings, folder)
    return settings


def _write_report(settings: SearchSettings, folder: Path) -> tuple[dict[str, Any] | None, Path | None]:
    from analysis.decision import Budgets, decide
    from analysis.report import write_report
    from analysis.results import read_search_folder

    results = read_search_folder(folder)
    if results.trials.empty:
        return None, None
    deployment = settings.deployment or "any"
    decision = decide(results, deployment=deployment, budgets=Budgets())
    page = write_report(results, folder / REPORT, deployment=deployment, budgets=Budgets())
    return decision.to_json(), page
