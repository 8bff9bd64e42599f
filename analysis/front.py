"""Which networks are worth considering at all: the non-dominated set over several metrics.

A point dominates another when it is at least as good in every metric and better in one. Points that are
equal in every metric do not dominate each other, so all of them stay. A point with a NaN was not fully
measured: it is never on the front and dominates nothing.

The work is done by moocore. Hypervolume: Fonseca, Paquete, Lopez-Ibanez 2006, "An improved dimension-sweep
algorithm for the hypervolume indicator".
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from analysis.ground_latency import GROUND_LATENCY

if TYPE_CHECKING:
    import pandas as pd

Direction = Literal["max", "min"]

DEFAULT_OBJECTIVES: Mapping[str, Direction] = {
    "best_miou": "max",
    "parameters": "min",
    GROUND_LATENCY: "min",
}
"""The metrics of the report's front and which way each is better."""


def non_dominated(points: NDArray[np.float64], directions: tuple[Direction, ...]) -> NDArray[np.bool_]:
    """Find the points that no other point dominates.

    Args:
        points: Float (N, M), one row per point; NaN where a metric was not measured.
        directions: For each of the M metrics, whether "max" or "min" is better.

    Returns:
        Bool (N,): True on the front. Equal points are on it together.

    Raises:
        ValueError: `points` is not (N, M) for M directions.
    """
    import moocore

    values = _checked(points, directions)
    on_front = np.zeros(len(values), dtype=np.bool_)
    measured = ~np.isnan(values).any(axis=1)
    if measured.any():
        comparable = values[measured]
        if not np.isfinite(comparable).all():
            # moocore misjudges infinite values; a front depends on the order alone, so ranks do as well.
            comparable = np.column_stack(
                [column if np.isfinite(column).all() else _ranks(column) for column in comparable.T]
            )
        on_front[measured] = moocore.is_nondominated(comparable, maximise=_maximise(directions), keep_weakly=True)
    return on_front


def front_of(table: "pd.DataFrame", objectives: Mapping[str, Direction] = DEFAULT_OBJECTIVES) -> "pd.Series[bool]":
    """Mark the rows of a table that are on the front of `objectives`; its index is the table's.

    Raises:
        KeyError: The table lacks one of the metrics.
    """
    import pandas as pd

    points = table[list(objectives)].to_numpy(dtype=np.float64, na_value=np.nan)
    return pd.Series(non_dominated(points, tuple(objectives.values())), index=table.index, name="on_front")


def hypervolume(
    points: NDArray[np.float64], directions: tuple[Direction, ...], reference: NDArray[np.float64]
) -> float:
    """Measure the volume between a reference point and the front: larger is better, 0 when nothing beats it.

    Args:
        points: Float (N, M); rows that are not finite, or not better than the reference in every metric,
            add nothing.
        directions: For each of the M metrics, whether "max" or "min" is better.
        reference: Float (M,), the worst acceptable value of each metric; finite.

    Returns:
        The volume, in the product of the metrics' units.

    Raises:
        ValueError: The shapes do not fit, or the reference is not finite.
    """
    import moocore

    values = _checked(points, directions)
    if reference.shape != (len(directions),) or not np.isfinite(reference).all():
        raise ValueError(f"reference must be {len(directions)} finite numbers, not {reference.tolist()}")
    measured = values[np.isfinite(values).all(axis=1)]
    if not len(measured):
        return 0.0
    return float(moocore.hypervolume(measured, ref=reference, maximise=_maximise(directions)))


def _checked(points: NDArray[np.float64], directions: tuple[Direction, ...]) -> NDArray[np.float64]:
    values = np.asarray(points, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != len(directions) or not directions:
        raise ValueError(f"points have shape {values.shape}; right is (N, {len(directions)})")
    return values


def _maximise(directions: tuple[Direction, ...]) -> list[bool]:
    return [direction == "max" for direction in directions]


def _ranks(column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replace each value by its place among the distinct values; equal values share a place."""
    return np.unique(column, return_inverse=True)[1].astype(np.float64)
