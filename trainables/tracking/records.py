"""What the MLflow runs of searches, trials and trainings say: tags, parameters, metrics, descriptions. No MLflow."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from spaces.configuration import TrialConfig

EXPERIMENT = "segpareto"

KIND_TAG = "kind"
"""Tells the runs of whole searches ("search"), trials ("trial") and full trainings ("training") apart."""
SEARCH_TAG = "search"
CREATED_TAG = "search_created"
"""Not `created`: MLflow takes a condition on that tag for one on the time of the run."""
TRIAL_TAG = "trial_id"
TRAINING_TAG = "training"
TRAINING_CREATED_TAG = "training_created"
PARENT_TAG = "mlflow.parentRunId"
NOTE_TAG = "mlflow.note.content"
STOP_REASON_TAG = "stop_reason"
FINAL_STEP_TAG = "final_step"
ERROR_TAG = "error"
NOT_FINITE_TAG = "not_finite"
TESTED_TAG = "tested"
PANELS_TAG = "panels"
RUNG_TAG = "rung"
"""Step of the rung at which a trial was judged last."""

SETTINGS_FILE = "settings.json"
SUMMARY_FILE = "summary.json"
TEST_FILE = "test.json"
CONFUSION_FILE = "confusion_matrix.png"
REPORT_PAGE = "report/index.html"
PANELS_FOLDER = "panels"
CAPTIONS_FILE = "captions.json"
CHECKPOINT_FOLDER = "checkpoint"

ENDING_TAGS = (STOP_REASON_TAG, FINAL_STEP_TAG, ERROR_TAG)

ERROR_LENGTH = 1_000
"""Characters of a trial's error that its tag keeps: the last ones, where a trace names the exception."""

LONGEST_PARAM = 6_000
"""Characters that MLflow allows a parameter."""

TRIALS_VIEW = "trials"
"""Key of the view of the runs table that MLflow's pages open with."""

_VIEW = {
    "searchFilter": f'tags.{KIND_TAG} != "search"',
    "orderByKey": "metrics.`best_miou`",
    "orderByAsc": False,
    "selectedColumns": [
        *(f"metrics.`{name}`" for name in ("best_miou", "miou", "step")),
        *(f"params.`{name}`" for name in ("learning_rate", "threshold_base")),
        *(f"tags.`{name}`" for name in (STOP_REASON_TAG, RUNG_TAG, "space", "role", SEARCH_TAG, TRAINING_TAG)),
    ],
}

EXPERIMENT_TAGS: Mapping[str, str] = {
    # Without its kind, MLflow shows an experiment among traces and prompts of language models.
    "mlflow.experimentKind": "custom_model_development",
    # Its table shows neither metrics nor tags unless a view says which.
    f"mlflow.sharedViewState.{TRIALS_VIEW}": json.dumps(_VIEW),
    NOTE_TAG: (
        'Segmentation models under search. A run with `tags.kind = "search"` is a whole search: its description '
        "holds the verdict, its artifacts the report. The runs below it are its trials: `stop_reason` says why one "
        "ended, `best_miou` is its best foreground mIoU on the validation part, `miou` the last. A run with "
        '`tags.kind = "training"` is a full training by itself.'
    ),
}

_SOURCE = {"mlflow.source.name": "search.run"}
_TRAINING_SOURCE = {"mlflow.source.name": "trainables.train"}
_STATUSES = {"error": "FAILED", "diverged": "FAILED", "out_of_memory": "FAILED", "interrupted": "KILLED"}


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialHeader:
    """What is known of a trial when it starts.

    Attributes:
        trial_id: Unique within the search; also the name of its run.
        space: Name of its space.
        phase: "search" or "finalist".
        role: "baseline", "warm_start", "proposed", or of a finalist "best", "best-2", ...
        seed: Seed of initial weights and data order.
        config: What it trains.
        started_ms: When it started, in ms since the epoch.
        source_trial_id: Of a finalist: the trial whose configuration it repeats.
    """

    trial_id: str
    space: str
    phase: str
    role: str
    seed: int
    config: TrialConfig
    started_ms: int
    source_trial_id: str | None = None


class PanelLike(Protocol):
    """A picture with a caption, as `analysis.results.Panel`."""

    @property
    def name(self) -> str:
        """Its file name without `.png`."""

    @property
    def caption(self) -> str:
        """What it shows."""

    @property
    def png(self) -> bytes:
        """The encoded picture."""


def search_tags(name: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """Tags of a search's run, from its name and the content of its `settings.json`."""
    data = settings["data"]
    spaces = ", ".join(settings["spaces"])
    return {
        KIND_TAG: "search",
        SEARCH_TAG: name,
        CREATED_TAG: str(settings["created"]),
        "spaces": spaces,
        "preset": str(settings["preset"]),
        "data": str(data["description"]),
        "data_fingerprint": str(data["fingerprint"]),
        "version": str(settings["versions"].get("segpareto", "unknown")),
        NOTE_TAG: f"Search over {spaces} on {data['description']}; it has not ended in good order yet.",
        **_SOURCE,
    }


def search_params(settings: Mapping[str, Any]) -> dict[str, str]:
    """Parameters of a search's run: its settings by dotted names, lists as JSON.

    The spaces' baselines are left out (the baseline trials show them), and so is a value too long for MLflow;
    `settings.json` among the run's artifacts holds everything.
    """
    spaces = {name: {"parameters": space["parameters"]} for name, space in settings["spaces"].items()}
    return {name: text for name, text in _flatten({**settings, "spaces": spaces}) if len(text) <= LONGEST_PARAM}


def started_ms(settings: Mapping[str, Any]) -> int:
    """When a search or training was created, in ms since the epoch, from its settings."""
    return round(datetime.fromisoformat(str(settings["created"])).timestamp() * 1000)


def trial_tags(trial: TrialHeader, *, search_name: str, search_run: str) -> dict[str, str]:
    """Tags of a trial's run."""
    source = {"source_trial_id": trial.source_trial_id} if trial.source_trial_id else {}
    return {
        KIND_TAG: "trial",
        PARENT_TAG: search_run,
        SEARCH_TAG: search_name,
        TRIAL_TAG: trial.trial_id,
        "space": trial.space,
        "phase": trial.phase,
        "role": trial.role,
        "seed": str(trial.seed),
        **source,
        **_SOURCE,
    }


def training_tags(settings: Mapping[str, Any]) -> dict[str, str]:
    """Tags of a full training's run, from the content of its `settings.json`."""
    origin, data = settings["origin"], settings["data"]
    known = {"source_search": origin["search"], "source_trial_id": origin["trial_id"], "space": origin["space"]}
    return {
        KIND_TAG: "training",
        TRAINING_TAG: str(settings["name"]),
        TRAINING_CREATED_TAG: str(settings["created"]),
        "architecture": str(settings["config"]["architecture"]),
        "role": "full training",
        "seed": str(settings["seed"]),
        "data": str(settings["data_description"]),
        "data_fingerprint": str(data["fingerprint"]),
        "version": str(settings["versions"].get("segpareto", "unknown")),
        NOTE_TAG: f"Full training of {origin['file']} on {settings['data_description']}.",
        **{name: str(value) for name, value in known.items() if value},
        **_TRAINING_SOURCE,
    }


def training_params(settings: Mapping[str, Any]) -> dict[str, str]:
    """Parameters of a full training's run beside its configuration: all other settings by dotted names."""
    others = {name: value for name, value in settings.items() if name != "config"}
    params = {f"training.{name}": text for name, text in _flatten(others)}
    return {name: text for name, text in params.items() if len(text) <= LONGEST_PARAM}


def config_params(config: TrialConfig) -> dict[str, str]:
    """Parameters of the run of a trial or training: the fields of its configuration.

    A mapping stays one parameter, in JSON: its keys are class names, which need not be valid parameter names.
    """
    return {name: _text(value) for name, value in config.model_dump().items()}


def config_from_params(params: Mapping[str, str]) -> TrialConfig:
    """The inverse of `config_params`.

    Raises:
        ValueError: A parameter is no field of a configuration or does not fit it, as in runs of another version.
    """
    values = {name: json.loads(text) if text.startswith("{") else text for name, text in params.items()}
    try:
        return TrialConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"parameter {field}: {first['msg']}") from error


def run_status(stop_reason: str) -> str:
    """MLflow's status of a trial that ended for a reason; every end in good order is FINISHED."""
    return _STATUSES.get(stop_reason, "FINISHED")


def ending_tags(stop_reason: str, step: int, error: str | None) -> dict[str, str]:
    """Tags that say how a trial ended."""
    tags = {STOP_REASON_TAG: stop_reason, FINAL_STEP_TAG: str(step)}
    if error:
        tags[ERROR_TAG] = error if len(error) <= ERROR_LENGTH else "... " + error[4 - ERROR_LENGTH :]
    return tags


def finite_metrics(metrics: Mapping[str, float | None]) -> dict[str, float]:
    """The metrics that are numbers: MLflow would store an infinity as the largest number there is."""
    return {name: float(value) for name, value in metrics.items() if value is not None and math.isfinite(value)}


def summary_metrics(summary: Mapping[str, Any]) -> dict[str, float | None]:
    """Metrics of a finished search's run, from the content of its `summary.json`."""
    best: Mapping[str, Mapping[str, Any]] = summary.get("best") or {}
    metrics: dict[str, float | None] = {
        name: summary.get(name) for name in ("steps_spent", "steps_full", "wall_seconds")
    }
    metrics["best_miou"] = max((entry["best_miou"] for entry in best.values()), default=None)
    metrics |= {f"best_miou_{space}": entry["best_miou"] for space, entry in best.items()}
    metrics |= {f"trials_{reason}": count for reason, count in (summary.get("trials") or {}).items()}
    return metrics


def search_note(summary: Mapping[str, Any], verdict: str, report: Path | None, report_page: str) -> str:
    """The description of a finished search's run, in Markdown: verdict, best trials, where the report is.

    Args:
        summary: The content of `summary.json`.
        verdict: The verdict, a sentence or a paragraph.
        report: The report's page, if there is one.
        report_page: Where MLflow's own pages show it.
    """
    best: Mapping[str, Mapping[str, Any]] = summary.get("best") or {}
    parts = [f"**Verdict:** {verdict}"]
    lines = [
        f"- {space}: best mIoU {entry['best_miou']:.4f} (trial {entry['trial_id']})" for space, entry in best.items()
    ]
    if lines:
        parts.append("\n".join(lines))
    if report is not None:
        parts.append(f"**[Report]({report_page})**, the same page as `{report}`.")
    return "\n\n".join(parts)


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
