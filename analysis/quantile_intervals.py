"""Quantiles of timings, with intervals that hold whatever their distribution is."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
FEWEST_FOR_P99 = 1000
"""A 99th percentile of fewer samples is the largest few of them, and says nothing."""

BUSY_ROUNDS = 1.15
BUSY_TAIL = 1.5


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile and its interval; an end is None where so few samples bound nothing on that side."""

    value: float
    low: float | None
    high: float | None


def quantile_with_interval(samples: Sequence[float], share: float, confidence: float = CONFIDENCE) -> Quantile:
    """A quantile with its exact interval of order statistics (Hahn and Meeker, "Statistical Intervals", 5.2).

    How many of n independent samples lie below the quantile is binomial (n, share), whatever the distribution; so the
    interval between the l-th and the u-th smallest holds it with P(l <= X < u), at least `confidence`. Both tails are
    held to half of the rest.

    Args:
        samples: At least one, in any order.
        share: 0.5 for the median, between 0 and 1.
        confidence: Between 0 and 1.

    Raises:
        ValueError: There is no sample.
    """
    from scipy.stats import binom

    ordered = sorted(samples)
    count = len(ordered)
    if not count:
        raise ValueError("no samples, no quantile")
    tail = (1 - confidence) / 2
    # The largest l with P(X < l) < tail, and the smallest u with P(X >= u) <= tail; both count from 1.
    low = int(binom.ppf(tail, count, share))
    high = int(binom.isf(tail, count, share)) + 1
    position = share * (count - 1)
    below = math.floor(position)
    above = min(below + 1, count - 1)
    value = ordered[below] + (ordered[above] - ordered[below]) * (position - below)
    return Quantile(value, ordered[low - 1] if low >= 1 else None, ordered[high - 1] if high <= count else None)


def disturbance(rounds: Sequence[Sequence[float]]) -> str | None:
    """Why timings say that something else ran on the machine, for people; None where they do not.

    Args:
        rounds: Timings of one network, a sequence for each of its turns.
    """
    medians = [statistics.median(one) for one in rounds if one]
    if len(medians) > 1 and max(medians) > BUSY_ROUNDS * min(medians):
        return f"the medians of its rounds differ by {100 * (max(medians) / min(medians) - 1):.0f} %"
    samples = [value for one in rounds for value in one]
    if len(samples) >= 10:
        middle, high = statistics.median(samples), statistics.quantiles(samples, n=10, method="inclusive")[8]
        if high > BUSY_TAIL * middle:
            return f"its 90th percentile is {100 * (high / middle - 1):.0f} % above its median"
    return None
