"""The finalists of a search: which configurations were re-run on seeds, how they scored, what they cost."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.comparison import DEFAULT_CONFIDENCE, Estimate, score_estimate
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
    """

    space: str
    role: str
    source_trial_id: str
    evaluations: tuple[TestEvaluation, ...]
    miou: Estimate
    costs: Mapping[str, float]


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
    best_is_baseline = _best_is_baseline(results, space, best)
    if best is None and best_is_baseline:
        best = baseline
    return SpaceFinalists(space=space, best=best, baseline=baseline, best_is_baseline=best_is_baseline)


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


def _best_is_baseline(results: SearchResults, space: str, best: Finalist | None) -> bool:
    """Whether the best configuration of the search is the one it started from."""
    trials: Any = results.trials
    searched = trials[(trials["space"] == space) & (trials["phase"] == "search")]
    if best is not None and best.source_trial_id:
        source = searched[searched["trial_id"] == best.source_trial_id]
        return bool((source["role"] == BASELINE).any())
    if "best_miou" not in searched or searched["best_miou"].isna().all():
        return False
    return bool(searched.loc[searched["best_miou"].idxmax(), "role"] == BASELINE)
