"""Which trial of the search is the best of its space: one definition for the verdict, the page and its figures."""

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.finalist_choice import standing_roles, trial_scores

if TYPE_CHECKING:
    import pandas as pd

    from analysis.results import SearchResults

TRAINED_TO_THE_END = ("completed", "patience")
"""Stop reasons of trials whose score is what their configuration can do."""


def best_trials(results: "SearchResults") -> dict[str, "pd.Series[Any]"]:
    """The best trial of the search of each space, by space; spaces without a scored trial are left out.

    Where finalists ran, it is the trial that the configuration standing for the space in the verdict was taken from.
    Otherwise it is the highest `analysis.trial_score` among the trials that were trained to their end; only where there
    are none, the trial that was trained furthest, the higher score of equals. Of trials that are equal in all this, the
    earliest.
    """
    trials = results.trials
    best: dict[str, pd.Series[Any]] = {}
    if "phase" not in trials:
        return best
    searched = trials[trials["phase"] == "search"]
    sources = _finalist_sources(results)
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
            best[str(space)] = _highest(results, furthest)
        else:
            best[str(space)] = _highest(results, finished)
    return best


def _finalist_sources(results: "SearchResults") -> dict[str, str]:
    """The trial that the configuration standing for each space was taken from, where it ran as a finalist."""
    trials = results.trials
    if "source_trial_id" not in trials:
        return {}
    named = trials[(trials["phase"] == "finalist") & (trials["source_trial_id"] != "")]
    sources: dict[str, str] = {}
    for space, role in standing_roles(results).items():
        runs = named[(named["space"] == space) & (named["role"] == role)]
        if len(runs):
            sources[space] = str(runs.iloc[0]["source_trial_id"])
    return sources


def _highest(results: "SearchResults", rows: "pd.DataFrame") -> "pd.Series[Any]":
    scores = trial_scores(results, rows)
    return rows.iloc[int(np.nanargmax([scores[str(trial_id)] for trial_id in rows["trial_id"]]))]


def _scores(rows: "pd.DataFrame") -> "np.ndarray[Any, np.dtype[np.float64]]":
    if "best_miou" not in rows:
        return np.full(len(rows), np.nan)
    return rows["best_miou"].to_numpy(dtype=np.float64, na_value=np.nan)
