"""The table of all trials, as the values that the page's script sorts and filters."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.page.formatting import is_missing, setting
from analysis.page.trial_curves import trial_curves
from analysis.tables import CONFIG_PREFIX

if TYPE_CHECKING:
    from analysis.results import SearchResults


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: `decimals` is None for text."""

    name: str
    label: str
    decimals: int | None


COLUMNS = (
    Column("trial_id", "trial", None),
    Column("space", "space", None),
    Column("role", "role", None),
    Column("stop_reason", "ended", None),
    Column("step", "step", 0),
    Column("best_miou", "best mIoU", 4),
    Column("miou", "last mIoU", 4),
    Column("boundary_miou", "last boundary mIoU", 4),
    Column("calibration_error", "last calibration error", 4),
    Column("train_seconds", "training, s", 0),
    Column("steps_per_second", "steps/s", 2),
    Column("parameters", "parameters", 0),
    Column("latency_ms_p50", "latency, ms", 1),
)


def trials_table(results: "SearchResults") -> dict[str, Any]:
    """Columns, rows, configurations and learning curves as plain JSON values; configurations by parameter, then trial.

    A finalist's role is written as "finalist, best" or "finalist, baseline".
    """
    trials = results.trials
    lists = {column.name: _values(trials, column.name) for column in COLUMNS}
    if "phase" in trials:
        lists["role"] = [
            f"finalist, {role}" if phase == "finalist" else role
            for role, phase in zip(lists["role"], trials["phase"], strict=True)
        ]
    names = [str(name) for name in trials.columns if str(name).startswith(CONFIG_PREFIX)]
    return {
        "columns": [{"name": column.name, "label": column.label, "decimals": column.decimals} for column in COLUMNS],
        "rows": [list(row) for row in zip(*lists.values(), strict=True)],
        "parameters": [name.removeprefix(CONFIG_PREFIX) for name in names],
        "configurations": [
            [None if is_missing(value) else setting(value) for value in trials[name].tolist()] for name in names
        ],
        "errors": [str(value) for value in _values(trials, "error", "")],
        "curves": trial_curves([str(trial) for trial in lists["trial_id"]], results.curves),
    }


def _values(trials: Any, name: str, missing: Any = None) -> list[Any]:
    if name not in trials:
        return [missing] * len(trials)
    return [
        missing if is_missing(value) or value in (float("inf"), float("-inf")) else value
        for value in trials[name].tolist()
    ]
