"""The finalists as the decision weighs them: what they cost, and whether they fit a device."""

from analysis.decision_record import Budgets, CandidateRow
from analysis.finalists import Finalist

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


def candidate_row(finalist: Finalist, budgets: Budgets) -> CandidateRow:
    """A finalist as the decision records it."""
    low, high = finalist.miou.low, finalist.miou.high
    return CandidateRow(
        space=finalist.space,
        role=finalist.role,
        source_trial_id=finalist.source_trial_id,
        seeds=finalist.miou.seeds,
        miou_points=100 * finalist.miou.value,
        low_points=None if low is None else 100 * low,
        high_points=None if high is None else 100 * high,
        costs=finalist.costs,
        within_budgets=fits(finalist, budgets) if budgets.given() else None,
    )
