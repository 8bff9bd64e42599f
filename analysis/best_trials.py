"""Which trial of the search is the best of its space: one definition for the verdict, the page and its figures."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from analysis.results import SearchResults

TRAINED_TO_THE_END = ("completed", "patience")
"""Stop reasons of trials whose score is what their configuration can do."""


def best_trials(results: "SearchResults") -> dict[str, "pd.Series[Any]"]:
    """The best trial of the search of each space, by space; spaces without a scored trial are left out.

    Where the best configuration ran as a finalist, it is the trial that it was taken from. Otherwise it is the highest
    best_miou among the trials that were trained to their end; only where there are none, the trial that was trained
    furthest, the higher best_miou of equals. Of trials that are equal in all this, the earliest.
    """
    trials = results.trials
    best: dict[str, pd.Series[Any]] = {}
    if "phase" not in trials:
        return best
    searched = trials[trials["phase"] == "search"]
    sources = _finalist_sources(trials)
    for space, rows in searched.groupby("space", sort=False):
        source = rows[rows["trial_id"] == sources.get(str(space))]
        if len(source):
            best[str(space)] = source.iloc[0]
            continue
        scored = rows[np.isfinite(_scores(rows))]
        if scored.empty:
            continue
        finished = scored[scored["stop_reason"].isin(TRAINED_TO_THE_END)]
        if finished.empty:
            furthest = scored[scored["step"] == scored["step"].max()]
            best[str(space)] = furthest.iloc[int(_scores(furthest).argmax())]
        else:
            best[str(space)] = finished.iloc[int(_scores(finished).argmax())]
    return best


def _finalist_sources(trials: "pd.DataFrame") -> dict[str, str]:
    """The trial that each space's best configuration was taken from, where it ran as a finalist."""
    if not {"role", "source_trial_id"} <= set(trials.columns):
        return {}
    finalists = trials[(trials["phase"] == "finalist") & (trials["role"] == "best") & (trials["source_trial_id"] != "")]
    return {str(row["space"]): str(row["source_trial_id"]) for _, row in finalists.iterrows()}


def _scores(rows: "pd.DataFrame") -> "np.ndarray[Any, np.dtype[np.float64]]":
    if "best_miou" not in rows:
        return np.full(len(rows), np.nan)
    return rows["best_miou"].to_numpy(dtype=np.float64, na_value=np.nan)
