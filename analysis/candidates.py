"""The finalists as the decision weighs them: what they cost, and whether they fit a device."""

import math
from dataclasses import replace

from analysis.decision_record import Budgets, CandidateRow
from analysis.finalists import Finalist, SpaceFinalists

BUDGET_COLUMNS = {
    "max_latency_ms": "latency_ms_p90",
    "max_parameters": "parameters",
    "max_memory_mb": "peak_memory_mb",
}
"""Which measured cost each budget limits. Latency: nine of ten images must hold it, not just half of them."""


def fits(finalist: Finalist, budgets: Budgets) -> bool:
    """Whether every budget holds; a cost that was not measured (NaN) holds none."""
    return all(finalist.costs[BUDGET_COLUMNS[name]] <= limit for name, limit in budgets.given().items())


def weight(finalist: Finalist) -> tuple[float, str]:
    """Order of lightness; the name settles equal sizes, so that the order never depends on chance."""
    return finalist.costs["parameters"], finalist.space


def within_budgets(space: SpaceFinalists, budgets: Budgets) -> SpaceFinalists:
    """The space with the finalist that stands for it where budgets must hold.

    Of those that fit it is the highest on the validation part, whole ones before those with a broken run; where none
    fits, it is the one that stands anyway.
    """
    fitting = [one for one in space.ranked if fits(one, budgets)]
    if not budgets.given() or not fitting or any(one is space.best for one in fitting):
        return space
    best = max(
        fitting, key=lambda one: (one.broken is None, -math.inf if math.isnan(one.validation) else one.validation)
    )
    return replace(space, best=best, best_is_baseline=best is space.baseline)


def choice_of(space: SpaceFinalists) -> str:
    """Which finalist stands for a space, and what each reached on the validation part; empty without a choice."""
    if len(space.ranked) < 2 or space.best is None:
        return ""
    scores = ", ".join(f"{one.role} {_points(one)}" for one in space.ranked)
    return f"{space.best.role} of {space.space} ({scores})"


def _points(finalist: Finalist) -> str:
    known = "unknown" if math.isnan(finalist.validation) else f"{100 * finalist.validation:.2f}"
    return f"{known}, a run broke" if finalist.broken else known


def candidate_row(finalist: Finalist, budgets: Budgets, *, stands: bool) -> CandidateRow:
    """A finalist as the decision records it; `stands` where it stands for its space in the comparisons."""
    low, high = finalist.miou.low, finalist.miou.high
    return CandidateRow(
        space=finalist.space,
        role=finalist.role,
        stands=stands,
        source_trial_id=finalist.source_trial_id,
        seeds=finalist.miou.seeds,
        miou_points=100 * finalist.miou.value,
        low_points=None if low is None else 100 * low,
        high_points=None if high is None else 100 * high,
        validation_points=100 * finalist.validation,
        costs=finalist.costs,
        within_budgets=fits(finalist, budgets) if budgets.given() else None,
    )
