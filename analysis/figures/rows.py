"""The rows that figures start from, whatever columns a search's tables happen to have."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analysis.ground_latency import ground_latencies

if TYPE_CHECKING:
    import pandas as pd

    from analysis.results import SearchResults


def numbers(table: "pd.DataFrame", name: str) -> NDArray[np.float64]:
    """A column as float64; all NaN when the table lacks it, and infinite values become NaN."""
    if name not in table:
        return np.full(len(table), np.nan)
    values = table[name].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def search_trials(results: "SearchResults") -> "pd.DataFrame":
    """The trials of the search itself: finalists, which repeat a configuration with other seeds, are left out."""
    trials = results.trials
    return trials[trials["phase"] == "search"] if "phase" in trials else trials


def measured_trials(results: "SearchResults") -> "tuple[pd.DataFrame, NDArray[np.float64]]":
    """The search's trials that have a score and both costs, and those.

    Returns:
        N trials, and float64 (N, 3): best mIoU, parameters, latency per megapixel in ms; the costs are above 0. Their
        order and directions are those of `analysis.front.DEFAULT_OBJECTIVES`.
    """
    trials = search_trials(results)
    points = np.column_stack([numbers(trials, "best_miou"), numbers(trials, "parameters"), ground_latencies(trials)])
    usable = np.logical_and(np.isfinite(points).all(axis=1), np.all(points[:, 1:] > 0, axis=1))
    return trials[usable], points[usable]


def baseline_trials(results: "SearchResults") -> dict[str, "pd.Series[Any]"]:
    """The search's baseline trial of each space, by space."""
    trials = search_trials(results)
    baselines = trials[trials["role"] == "baseline"] if "role" in trials else trials.iloc[:0]
    return {str(row["space"]): row for _, row in baselines.iterrows()}


def spread_over_ranks(scores: NDArray[np.float64], most: int) -> NDArray[np.bool_]:
    """Choose at most `most` rows to draw: the better half of them are the best, the others evenly spread by rank.

    Args:
        scores: (N,) float64; NaN ranks last.
        most: How many rows may be drawn, at least 2.

    Returns:
        (N,) bool; all True when there are no more than `most` rows.
    """
    count = len(scores)
    chosen = np.ones(count, dtype=np.bool_)
    if count <= most:
        return chosen
    order = np.argsort(np.where(np.isnan(scores), -np.inf, scores), kind="stable")[::-1]
    best = order[: most // 2]
    rest = order[most // 2 :]
    even = rest[np.linspace(0, len(rest) - 1, most - len(best)).round().astype(np.intp)]
    chosen[:] = False
    chosen[best] = True
    chosen[even] = True
    return chosen
