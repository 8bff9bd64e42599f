"""The finalists of a search: which configurations were re-run on seeds, how they scored, what they cost."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.best_trials import best_trials
from analysis.comparison import DEFAULT_CONFIDENCE, Estimate, score_estimate
from analysis.finalist_endings import BrokenRuns, broken_runs
from analysis.results import SearchResults, TestEvaluation
from analysis.tables import COST_COLUMNS

BEST = "best"
BASELINE = "baseline"


@dataclass(frozen=True, kw_only=True)
class Finalist:
    """One configuration, trained from several seeds and evaluated on the test part.

    Attributes:
        space: Name of its space.
        role: "best" or "baseline".
        source_trial_id: The trial of the search whose configuration it has; empty where that is not recorded.
        evaluations: One per seed.
        miou: Its foreground mIoU, a fraction.
        costs: The columns of `analysis.tables.COST_COLUMNS`; NaN where not measured.
        unit: What a group of the test part is: "photo" or "capture".
        broken: Its runs that ended without a score, which `evaluations` lacks; None where all have one.
    """

    space: str
    role: str
    source_trial_id: str
    evaluations: tuple[TestEvaluation, ...]
    miou: Estimate
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
        best: Its best configuration, which is the baseline where nothing better was found; None without one.
        baseline: Its baseline; None where it was not re-run.
        best_is_baseline: The search found nothing better than the baseline.
    """

    space: str
    best: Finalist | None
    baseline: Finalist | None
    best_is_baseline: bool


def finalists_of(results: SearchResults, *, confidence: float = DEFAULT_CONFIDENCE) -> tuple[SpaceFinalists, ...]:
    """Collect the finalists of every space of the search, in the order of its settings."""
    return tuple(_of_space(results, space, confidence) for space in space_names(results))


def space_names(results: SearchResults) -> tuple[str, ...]:
    """The spaces that were searched."""
    return tuple(results.settings["spaces"])


def _of_space(results: SearchResults, space: str, confidence: float) -> SpaceFinalists:
    best = _finalist(results, space, BEST, confidence)
    baseline = _finalist(results, space, BASELINE, confidence)
    found = best_trials(results).get(space)
    best_is_baseline = found is not None and found["role"] == BASELINE
    if best is None and best_is_baseline:
        best = baseline
    return SpaceFinalists(space=space, best=best, baseline=baseline, best_is_baseline=bool(best_is_baseline))


def _finalist(results: SearchResults, space: str, role: str, confidence: float) -> Finalist | None:
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
        costs=_costs(results, space, [*own["trial_id"], source]),
        unit="capture" if results.settings["data"]["split_by"] == "capture" else "photo",
        broken=broken_runs(results).get((space, role)),
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
