"""What a search leaves behind besides its journal: tables, configurations, finalists, summary."""

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.finalist_roles import ENSEMBLE, TOGETHER
from analysis.results import (
    TestEvaluation,
    evaluation_from_json,
    write_curves,
    write_results,
    write_stretches,
    write_tests,
)
from analysis.tables import write_atomically
from search.audit import audit_of
from search.compute_records import compute_records, rows_of
from search.counterfactuals import counterfactuals
from search.finalists import best_trial
from search.folder import BEST, CONFIGURATIONS
from search.history import SearchHistory, TrialHistory
from search.recording import evaluation_record
from search.settings import SearchSettings
from search.spending import spending_of
from trainables.full_training.configuration_file import TrainingData, TrialFile, TrialOrigin, write_trial_file
from trainables.journal import read_journal
from trainables.models.encoder_weights import parse_encoder_weights

SUMMARY = "summary.json"
REPORT = "report"

_NOT_METRICS = {"step"}


def write_tables(folder: Path, history: SearchHistory) -> None:
    """Write the tables and finalists.json from the history; what ran when is read from the folder's journal."""
    # Finals that have yet to start are rows, too: without them a verdict would not know that it must wait.
    shown = [trial for trial in history.trials.values() if _counts(trial) or trial.job.phase == "finalist"]
    write_results(folder, [_row(trial, history.costs) for trial in shown])
    write_curves(folder, [row for trial in history.trials.values() for row in _curve(trial)])
    write_tests(folder, tests_of(history))
    records = compute_records(read_journal(folder))
    write_stretches(folder, rows_of(records.stretches), rows_of(records.decisions))


def tests_of(history: SearchHistory) -> tuple[TestEvaluation, ...]:
    """The evaluations on the test part: the finalists', then those of their ensembles."""
    records = [
        evaluation_record(
            {
                "trial_id": trial.job.trial_id,
                "space": trial.job.space,
                "role": trial.job.role,
                "seed": trial.job.seed,
            },
            trial.test,
        )
        for trial in history.of_phase("finalist")
        if trial.test is not None and trial.stop_reason == "completed"
    ]
    records += [
        evaluation_record(
            {"trial_id": name, "space": TOGETHER.join(event["spaces"]), "role": ENSEMBLE, "seed": event["seed"]},
            event["test"],
        )
        for name, event in history.ensembles.items()
    ]
    return tuple(evaluation_from_json(record) for record in records)


def summary_of(
    settings: SearchSettings, history: SearchHistory, wall_seconds: float, decision: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The content of summary.json."""
    reasons = Counter(_stop_reason(trial) for trial in history.trials.values() if _counts(trial))
    searched = [trial for trial in history.of_phase("search") if _counts(trial)]
    best = {}
    for space in settings.spaces:
        trial = best_trial(history, space)
        if trial is not None:
            best[space] = {"trial_id": trial.job.trial_id, "best_miou": trial.best_miou}
    compared = counterfactuals(settings, history)
    return {
        "name": settings.name,
        "trials": dict(sorted(reasons.items())),
        "best": best,
        "steps_spent": sum(trial.step for trial in searched),
        "steps_full": settings.trials_in_all * settings.max_steps,
        "steps_spent_finals": sum(trial.step for trial in history.of_phase("finalist")),
        "spent": {
            space: {phase: spent.to_json() for phase, spent in phases.items()}
            for space, phases in spending_of(history, settings).items()
        },
        "wall_seconds": round(wall_seconds, 1),
        "unreadable_images": max(
            (int(report.get("unreadable_images") or 0) for trial in searched for report in trial.reports.values()),
            default=0,
        ),
        "counterfactuals": None if compared is None else compared.to_json(),
        "audit": audit_of(settings, history).to_json(),
        "ensembles_missing": [
            {"ensemble": TOGETHER.join(event["spaces"]), "seed": event["seed"], "reason": event["reason"]}
            for event in history.unjoined.values()
        ],
        "finished": history.finished,
        "stopped": history.stopped,
        "decision": decision,
    }


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """Write summary.json in one piece."""
    text = json.dumps(summary, indent=2, ensure_ascii=False) + "\n"
    write_atomically(folder / SUMMARY, lambda path: path.write_text(text, encoding="utf-8"))


def write_configurations(folder: Path, settings: SearchSettings, history: SearchHistory) -> None:
    """Write a file for each trial with a result that `python -m trainables.train` takes, and for each space's best."""
    for name in (CONFIGURATIONS, BEST):
        (folder / name).mkdir(exist_ok=True)
    for trial in history.of_phase("search"):
        if trial.best_miou is not None:
            path = folder / CONFIGURATIONS / f"{trial.job.trial_id}.yaml"
            write_trial_file(path, _trial_file(settings, trial), command=_training_words(path))
    for space in settings.spaces:
        best = best_trial(history, space)
        if best is not None:
            path = best_configuration(folder, space)
            write_trial_file(path, _trial_file(settings, best), command=_training_words(path))


def best_configuration(folder: Path, space: str) -> Path:
    """The file of a space's best trial."""
    return folder / BEST / f"{space}.yaml"


def training_command(folder: Path, space: str) -> str:
    """The command that trains the best configuration of a space in full, to be copied."""
    return " ".join(_training_words(best_configuration(folder, space)))


def _training_words(path: Path) -> tuple[str, ...]:
    place = f'"{path}"' if " " in str(path) else str(path)
    return ("python", "-m", "trainables.train", "--config", place)


def _trial_file(settings: SearchSettings, trial: TrialHistory) -> TrialFile:
    job, data = trial.job, settings.data
    return TrialFile(
        trial=TrialOrigin(
            search=settings.name,
            trial_id=job.trial_id,
            space=job.space,
            seed=job.seed,
            best_miou=trial.best_miou,
            step=trial.step,
        ),
        data=TrainingData(
            root=data.root,
            class_mapping=data.class_mapping,
            labeled_list=data.labeled_list,
            described=data.described,
            fingerprint=data.fingerprint,
            split_by=data.split_by,
            split_seed=settings.seed,
            split_hash=data.split_hash,
        ),
        encoder_weights=_weights_of(settings, job.config.encoder),
        config=job.config,
    )


def _weights_of(settings: SearchSettings, encoder: str) -> str:
    """What one encoder of the search started from, as `--encoder-weights` takes it."""
    if encoder not in settings.encoder_hashes:
        return "none"
    choice = parse_encoder_weights(settings.encoder_weights)
    return replace(choice, files=tuple(entry for entry in choice.files if entry[0] == encoder)).describe()


def now_ms() -> int:
    """Milliseconds since the epoch, as MLflow counts time."""
    return round(time.time() * 1000)


def _counts(trial: TrialHistory) -> bool:
    """A trial that was proposed and neither started nor ended has nothing to show."""
    return trial.started_at is not None or trial.stop_reason is not None


def _stop_reason(trial: TrialHistory) -> str:
    """Trials that a killed process left open were interrupted."""
    return trial.stop_reason or "interrupted"


def _row(trial: TrialHistory, costs: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    job = trial.job
    row: dict[str, Any] = {
        "trial_id": job.trial_id,
        "space": job.space,
        "phase": job.phase,
        "role": job.role,
        "seed": job.seed,
        "source_trial_id": job.source_trial_id or "",
        "stop_reason": _stop_reason(trial),
        "step": trial.step,
        "error": trial.error or "",
    }
    row |= {f"config.{name}": value for name, value in job.config.model_dump().items()}
    if trial.reports:
        first, last = min(trial.reports), max(trial.reports)
        row |= {name: value for name, value in trial.reports[last].items() if name not in _NOT_METRICS}
        row["best_miou"] = trial.best_miou
        if "untrained_miou" in trial.reports[first]:
            row["untrained_miou"] = trial.reports[first]["untrained_miou"]
    row |= costs.get(repr(job.config.network_key()), {})
    return row


def _curve(trial: TrialHistory) -> list[dict[str, Any]]:
    head = {"trial_id": trial.job.trial_id, "space": trial.job.space, "phase": trial.job.phase}
    return [{**head, **metrics, "step": step} for step, metrics in sorted(trial.reports.items())]
