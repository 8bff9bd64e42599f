"""The finalists of a search: which configurations were re-run on seeds, how they scored, what they cost."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.best_trials import best_trials
from analysis.comparison import DEFAULT_CONFIDENCE, Estimate, score_estimate
from analysis.finalist_choice import standing_roles, validation_score
from analysis.finalist_endings import BrokenRuns, broken_runs
from analysis.finalist_roles import BASELINE, rank_of
from analysis.results import SearchResults, TestEvaluation
from analysis.tables import COST_COLUMNS

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Finalist:
    """One configuration, trained from several seeds and evaluated on the test part.

    Attributes:
        space: Name of its space.
        role: `best`, `best-2`, ... by its rank in the search, or `baseline`.
        source_trial_id: The trial of the search whose configuration it has; empty where that is not recorded.
        evaluations: One per seed.
        miou: Its foreground mIoU, a fraction.
        validation: What its runs reached on the validation part, mean over the seeds; NaN where that is unknown.
        costs: The columns of `analysis.tables.COST_COLUMNS`; NaN where not measured.
        unit: What a group of the test part is: "photo" or "capture".
        broken: Its runs that ended without a score, which `evaluations` lacks; None where all have one.
    """

    space: str
    role: str
    source_trial_id: str
    evaluations: tuple[TestEvaluation, ...]
    miou: Estimate
    validation: float
    costs: Mapping[str, float]
    unit: str
    broken: BrokenRuns | None

    def mean_of(self, score: str) -> float:
        """Mean over the seeds of one of `analysis.results.MEAN_SCORES`; NaN where a seed lacks it."""
        return float(np.mean([getattr(evaluation, score) for evaluation in self.evaluations]))


@dataclass(frozen=True, kw_only=True)
class SpaceFinalists:
    """The finalists of one space.

    Attributes:
        space: Name of the space.
        ranked: Its best configurations by their rank in the search, the baseline where it is among them.
        best: The one of them that stands for the space in the verdict, chosen on the validation part; None without one.
        baseline: Its baseline; None where it was not re-run.
        best_is_baseline: The search found nothing better than the baseline.
    """

    space: str
    ranked: tuple[Finalist, ...]
    best: Finalist | None
    baseline: Finalist | None
    best_is_baseline: bool

    def everyone(self) -> tuple[Finalist, ...]:
        """All finalists of the space, each once, the baseline last."""
        found = list(self.ranked)
        for one in (self.best, self.baseline):
            if one is not None and all(one is not known for known in found):
                found.append(one)
        return tuple(found)


@lru_cache(maxsize=1)
def finalists_of(results: SearchResults, *, confidence: float = DEFAULT_CONFIDENCE) -> tuple[SpaceFinalists, ...]:
    """Collect the finalists of every space of the search, in the order of its settings.

    Of the latest results they are kept: verdict, figures and cards of one report all ask for them.
    """
    # Worked out once: each goes through all trials.
    standing, best, broken = standing_roles(results), best_trials(results), broken_runs(results)
    return tuple(
        _of_space(results, space, confidence, standing=standing.get(space), found=best.get(space), broken=broken)
        for space in space_names(results)
    )


def space_names(results: SearchResults) -> tuple[str, ...]:
    """The spaces that were searched."""
    return tuple(results.settings["spaces"])


def _of_space(
    results: SearchResults,
    space: str,
    confidence: float,
    *,
    standing: str | None,
    found: "pd.Series[Any] | None",
    broken: Mapping[tuple[str, str], BrokenRuns],
) -> SpaceFinalists:
    roles = sorted({test.role for test in results.tests if test.space == space and rank_of(test.role)}, key=_rank)
    ranked = [one for role in roles if (one := _finalist(results, space, role, confidence, broken)) is not None]
    best = next((one for one in ranked if one.role == standing), None)
    source = _baseline_trial(results, space)
    # A baseline that is among the best runs as one of them.
    baseline = _finalist(results, space, BASELINE, confidence, broken) or next(
        (one for one in ranked if one.source_trial_id and one.source_trial_id == source), None
    )
    best_is_baseline = found is not None and found["role"] == BASELINE
    if best is None and best_is_baseline:
        best = baseline
    return SpaceFinalists(
        space=space, ranked=tuple(ranked), best=best, baseline=baseline, best_is_baseline=bool(best_is_baseline)
    )


def _rank(role: str) -> int:
    return rank_of(role) or 0


def _baseline_trial(results: SearchResults, space: str) -> str | None:
    trials = results.trials
    own = trials[(trials["phase"] == "search") & (trials["space"] == space) & (trials["role"] == BASELINE)]
    return None if own.empty else str(own.iloc[0]["trial_id"])


def _finalist(
    results: SearchResults,
    space: str,
    role: str,
    confidence: float,
    broken: Mapping[tuple[str, str], BrokenRuns],
) -> Finalist | None:
    evaluations = tuple(test for test in results.tests if test.space == space and test.role == role)
    if not evaluations:
        return None
    trials = results.trials
    own = trials[trials["trial_id"].isin([evaluation.trial_id for evaluation in evaluations])]
    sources = [source for source in own["source_trial_id"] if source]
    source = sources[0] if sources else ""
    return Finalist(
        space=space,
        role=role,
        source_trial_id=source,
        evaluations=evaluations,
        miou=score_estimate(evaluations, confidence=confidence),
        validation=validation_score(results, space, role),
        costs=_costs(results, space, [*own["trial_id"], source]),
        unit="capture" if results.settings["data"]["split_by"] == "capture" else "photo",
        broken=broken.get((space, role)),
    )


def _costs(results: SearchResults, space: str, trial_ids: list[str]) -> dict[str, float]:
    """Costs from the rows of the trials; failing that from the table of costs, if the space has one network."""
    trials = results.trials
    rows = trials[trials["trial_id"].isin(trial_ids)].reindex(columns=list(COST_COLUMNS))
    measured = rows[rows.notna().any(axis=1)]
    if measured.empty:
        networks = results.costs[results.costs["space"] == space].reindex(columns=list(COST_COLUMNS))
        measured = networks if len(networks) == 1 else networks.iloc[:0]
    if measured.empty:
        return dict.fromkeys(COST_COLUMNS, math.nan)
    return {name: float(measured.iloc[0][name]) for name in COST_COLUMNS}
