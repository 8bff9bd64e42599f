"""Rows of the table: means with 95 % intervals, and where ours is behind a peer."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.search_rules.contenders import CONTENDERS
from benchmarks.search_rules.tournament import Cell, Figures

OURS = "ours"
"""The contender that is compared with the peers; its variants are shown beside it."""

CLOSE = 0.5
"""Points of mIoU within which a chosen configuration counts as the best."""

BEHIND = (
    "a peer spends no more compute and has less regret or ends close to the best more often, or it spends less and is "
    "worse in neither; each by more than the 95 % interval of the paired difference"
)
"""When ours is behind a peer."""

RESAMPLES = 2000
ROUNDING = 1e-9


def rows_of(figures: Mapping[Cell, Figures]) -> list[dict[str, Any]]:
    """One row per cell."""
    return [_row(cell, result, figures) for cell, result in figures.items()]


def behind(own: Figures, peer: Figures) -> tuple[bool, list[str]]:
    """Where a peer is better than ours by more than the 95 % interval of the paired difference.

    Returns:
        Whether ours is behind, as `BEHIND` says it; and in which of compute, regret and the share of repeats that end
        close to the best the peer is better.
    """
    compute = _sign(own.compute - peer.compute)
    regret = _sign(own.regret - peer.regret)
    close = _sign((peer.regret <= CLOSE).astype(float) - (own.regret <= CLOSE).astype(float))
    better = [name for name, sign in (("compute", compute), ("regret", regret), ("close", close)) if sign > 0]
    finds_better = compute >= 0 and max(regret, close) > 0
    is_cheaper = compute > 0 and min(regret, close) >= 0
    return finds_better or is_cheaper, better


def mean_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval of a mean, by bootstrap over repeats."""
    if np.ptp(values) < ROUNDING:
        return float(values[0]), float(values[0])
    rows = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.percentile(values[rows].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def share_interval(hits: int, repeats: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson)."""
    from scipy.stats import binomtest

    interval = binomtest(hits, repeats).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def close_share(figures: Figures) -> float:
    """Share of repeats that end within `CLOSE` points of the best."""
    return float((figures.regret <= CLOSE).mean())


def _row(cell: Cell, result: Figures, figures: Mapping[Cell, Figures]) -> dict[str, Any]:
    close = result.regret <= CLOSE
    return {
        "curves": cell.source,
        "N": cell.trials,
        "W": cell.workers,
        "contender": cell.contender,
        "% compute": _with_interval(100 * result.compute),
        "regret": _with_interval(result.regret),
        "% close": _share_with_interval(int(close.sum()), len(close)),
        "by space": _with_interval(result.space_regret),
        "time": round(float(result.seconds.mean()), 3),
        "beats ours in": _beats_ours(cell, result, figures),
    }


def _beats_ours(cell: Cell, result: Figures, figures: Mapping[Cell, Figures]) -> str:
    own = figures.get(replace(cell, contender=OURS))
    if own is None or not CONTENDERS[cell.contender].peer:
        return ""
    is_behind, better = behind(own, result)
    return ("AHEAD: " if is_behind else "") + ", ".join(better)


def _sign(difference: NDArray[np.float64]) -> int:
    """1 if a mean is above 0 by more than its interval, -1 if below, 0 if neither."""
    low, high = mean_interval(difference)
    if low > ROUNDING:
        return 1
    return -1 if high < -ROUNDING else 0


def _with_interval(values: NDArray[np.float64]) -> str:
    low, high = mean_interval(values)
    return f"{values.mean():.2f} ±{(high - low) / 2:.2f}"


def _share_with_interval(hits: int, repeats: int) -> str:
    low, high = share_interval(hits, repeats)
    return f"{100 * hits / repeats:.1f} ({100 * low:.0f}-{100 * high:.0f})"
