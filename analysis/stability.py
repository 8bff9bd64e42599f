"""How calm a finalist's training is at its end: its spread around the trend, and its deepest fall."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from analysis.results import SearchResults

LAST_SHARE = 0.25
"""Share of a run's evaluations, from its end, that is looked at."""

LEAST_EVALUATIONS = 3
"""Evaluations that are looked at, at least: two lie on every line."""

POINTS = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """How much validation mIoU moves in the last quarter of a finalist's runs, means over its seeds.

    Attributes:
        spread: Standard deviation around the linear trend over the steps, in points of mIoU.
        drawdown: Largest fall from the best evaluation so far within that part, in points of mIoU; 0 where none falls.
        seeds: Runs that had enough evaluations.
    """

    spread: float
    drawdown: float
    seeds: int


def stability_of(results: "SearchResults", space: str, role: str) -> Stability | None:
    """Work out the training stability of one finalist.

    Args:
        results: The search; gives the runs that were evaluated on the test part, and their curves.
        space: The finalist's space.
        role: `best`, `best-2`, ... or `baseline`.

    Returns:
        None where no run has three evaluations with a finite mIoU.
    """
    curves = results.curves
    if not {"trial_id", "step", "miou"} <= set(curves.columns):
        return None
    runs = {test.trial_id for test in results.tests if (test.space, test.role) == (space, role)}
    own = curves.loc[curves["trial_id"].isin(runs), ["trial_id", "step", "miou"]].sort_values("step", kind="stable")
    spreads, drawdowns = [], []
    for _, curve in own.groupby("trial_id", sort=True):
        mious = curve["miou"].to_numpy(dtype=np.float64, na_value=np.nan)
        steps = curve["step"].to_numpy(dtype=np.float64)
        finite = np.isfinite(mious)
        if finite.sum() < LEAST_EVALUATIONS:
            continue
        looked_at = max(LEAST_EVALUATIONS, math.ceil(LAST_SHARE * int(finite.sum())))
        steps, mious = steps[finite][-looked_at:], mious[finite][-looked_at:]
        spreads.append(POINTS * spread_around_trend(steps, mious))
        drawdowns.append(POINTS * largest_fall(mious))
    if not spreads:
        return None
    return Stability(spread=float(np.mean(spreads)), drawdown=float(np.mean(drawdowns)), seeds=len(spreads))


def spread_around_trend(steps: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Standard deviation of values around their least-squares line, with the line's two degrees of freedom taken off.

    Args:
        steps: Float (N,), distinct, N of at least 3.
        values: Float (N,), finite.
    """
    centred = steps - steps.mean()
    moved = values - values.mean()
    left = moved - centred * (centred @ moved) / (centred @ centred)
    return float(np.sqrt(left @ left / (len(values) - 2)))


def largest_fall(values: NDArray[np.float64]) -> float:
    """Largest fall of any value below the highest one up to it; 0 where none falls.

    Args:
        values: Float (N,), finite, N of at least 1.
    """
    return float(np.max(np.maximum.accumulate(values) - values))
