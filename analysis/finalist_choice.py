"""Which finalist stands for its space, read off a search's results: chosen on the validation part alone."""

import math
from typing import TYPE_CHECKING

import numpy as np

from analysis.finalist_endings import BROKEN, NOT_ENDED
from analysis.finalist_roles import ValidationRuns, rank_of, standing_role
from analysis.trial_score import trial_score

if TYPE_CHECKING:
    import pandas as pd

    from analysis.results import SearchResults

_RUN_COLUMNS = ("trial_id", "space", "role", "seed", "stop_reason", "best_miou")


def standing_roles(results: "SearchResults") -> dict[str, str]:
    """The role of the finalist that stands for each space (`analysis.finalist_roles.standing_role`).

    While runs of a space's finalists are still to come, it is the one that the search ranked first. Spaces without a
    ranked finalist are left out.
    """
    standing: dict[str, str] = {}
    for space, by_role in _runs(results).items():
        ranked = sorted((role for role in by_role if rank_of(role)), key=lambda role: rank_of(role) or 0)
        if not ranked:
            continue
        standing[space] = ranked[0]
        all_ended = not any((rows["stop_reason"].isin(NOT_ENDED)).any() for rows in by_role.values())
        if len(ranked) > 1 and all_ended:
            runs = {role: _validation_runs(results, by_role[role]) for role in ranked}
            standing[space] = standing_role(runs) or ranked[0]
    return standing


def validation_score(results: "SearchResults", space: str, role: str) -> float:
    """Mean over a finalist's runs of their `analysis.trial_score` on the validation part; NaN without any."""
    rows = _runs(results).get(space, {}).get(role)
    return math.nan if rows is None else _validation_runs(results, rows).mean


def trial_scores(results: "SearchResults", rows: "pd.DataFrame") -> dict[str, float]:
    """The `analysis.trial_score` of trials by trial_id; where a curve is missing, the highest mIoU that is known.

    Args:
        results: Gives the curves.
        rows: Rows of the table of trials.
    """
    curves = results.curves
    scores: dict[str, float] = {}
    if {"trial_id", "miou"} <= set(curves.columns):
        own = curves[curves["trial_id"].isin(rows["trial_id"])]
        for trial_id, curve in own.groupby("trial_id", sort=False):
            scores[str(trial_id)] = trial_score(curve["miou"].to_numpy(dtype=np.float64, na_value=np.nan).tolist())
    if "best_miou" in rows:
        highest = rows["best_miou"].to_numpy(dtype=np.float64, na_value=np.nan)
        for trial_id, miou in zip(rows["trial_id"], highest, strict=True):
            if math.isnan(scores.get(str(trial_id), math.nan)):
                scores[str(trial_id)] = float(miou)
    return scores


def _runs(results: "SearchResults") -> "dict[str, dict[str, pd.DataFrame]]":
    """The rows of the finals by space and role, in the table's order."""
    trials = results.trials
    if not {"phase", "role", "space"} <= set(trials.columns):
        return {}
    found: dict[str, dict[str, pd.DataFrame]] = {}
    # A search has hundreds of columns and many trials; what is asked of the finals are these.
    columns = [name for name in _RUN_COLUMNS if name in trials]
    finals = trials.loc[trials["phase"] == "finalist", columns]
    for space, of_space in finals.groupby("space", sort=False):
        found[str(space)] = {str(role): rows for role, rows in of_space.groupby("role", sort=False)}
    return found


def _validation_runs(results: "SearchResults", rows: "pd.DataFrame") -> ValidationRuns:
    scores = trial_scores(results, rows)
    seeds = zip(rows["trial_id"], rows["seed"], strict=True)
    return ValidationRuns(
        scores={int(seed): scores.get(str(trial_id), math.nan) for trial_id, seed in seeds},
        broken=bool(rows["stop_reason"].isin(BROKEN).any()),
    )
