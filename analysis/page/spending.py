"""What each space's trials and finals spent, as the report's table shows it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analysis.figures.rows import numbers
from analysis.page.formatting import MISSING, count, duration

if TYPE_CHECKING:
    from analysis.results import SearchResults

PHASES = {"search": "search", "finalist": "finals"}


def spending_unit(settings: Mapping[str, Any]) -> str:
    """The device whose time is counted."""
    return "GPU" if _on_gpus(settings) else "CPU core"


def make_spending(results: "SearchResults", spaces: tuple[str, ...]) -> list[dict[str, str]]:
    """A row for each phase of each space that trained anything, written out.

    Device time is that of training and evaluation, times the GPUs of a trial, or its CPU cores where it has none.

    Args:
        results: The search.
        spaces: Names of the spaces, in their order.
    """
    trials = results.trials
    if trials.empty:
        return []
    rows = []
    for space in spaces:
        for phase, name in PHASES.items():
            mine = trials[(trials["space"] == space) & (trials["phase"] == phase) & (numbers(trials, "step") > 0)]
            if mine.empty:
                continue
            seconds = _total(mine, "train_seconds") + _total(mine, "evaluation_seconds")
            devices = _devices(results.settings, space)
            rows.append(
                {
                    "space": space,
                    "phase": name,
                    "trials": count(len(mine)),
                    "steps": count(_total(mine, "step")),
                    "device_time": MISSING if devices is None else duration(seconds * devices),
                    "images": count(_total(mine, "images_seen")),
                }
            )
    return rows


def _total(trials: Any, name: str) -> float:
    """The sum of a column; cells that hold nothing count for nothing."""
    values = numbers(trials, name)
    return float(values[values == values].sum())  # noqa: PLR0124 - NaN


def _on_gpus(settings: Mapping[str, Any]) -> bool:
    amounts = (settings.get("device") or {}).get("gpus_per_trial") or 0
    return any(amounts.values()) if isinstance(amounts, Mapping) else bool(amounts)


def _devices(settings: Mapping[str, Any], space: str) -> float | None:
    amounts = (settings.get("device") or {}).get("gpus_per_trial" if _on_gpus(settings) else "cpus_per_trial")
    amount = amounts.get(space) if isinstance(amounts, Mapping) else amounts
    return None if amount is None else float(amount)
