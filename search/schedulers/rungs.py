"""Where trials are judged, and by what value."""

import math
import statistics
from collections.abc import Sequence

FEWEST_SCORED = 2
"""Evaluations, at least, whose mean stands for a trial at a rung: one lucky evaluation decides nothing."""

SCORED_SHARE = 1 / 8
"""Share of a trial's evaluations so far that do: a dip is passed over whether it falls on few evaluations or on many,
and a trial that rises quickly is not held back by what it was long before."""

RUNG_GROWTH = 1.5
"""Each rung is this many times as far as the one before. Rungs this close let the cut follow each other quickly: most
of what a search spends after its grace period, it spends on trials that lie clearly behind."""


def rungs(grace_steps: int, max_steps: int, eval_every: int, growth: float = RUNG_GROWTH) -> tuple[int, ...]:
    """Steps at which trials are judged: the grace period times powers of `growth`, below `max_steps`.

    Each rung is moved up to the next step at which a trial is evaluated.
    """
    found: list[int] = []
    step = float(grace_steps)
    while step < max_steps:
        rung = math.ceil(step / eval_every - 1e-9) * eval_every
        if rung < max_steps and rung not in found:
            found.append(rung)
        step *= growth
    return tuple(found)


def rung_score(mious: Sequence[float]) -> float:
    """What a trial is worth at a rung: the mean of its last evaluations there.

    Args:
        mious: Its evaluations so far in their order, some of them NaN perhaps.

    Returns:
        The mean of those that are finite of the last `SCORED_SHARE`, `FEWEST_SCORED` at least; minus infinity if none
        is.
    """
    window = max(FEWEST_SCORED, math.ceil(SCORED_SHARE * len(mious)))
    finite = [value for value in mious[-window:] if math.isfinite(value)]
    return statistics.fmean(finite) if finite else -math.inf
