"""Where a front bends: the point after which more cost buys less."""

import numpy as np
from numpy.typing import NDArray


def knee(costs: NDArray[np.float64], scores: NDArray[np.float64]) -> int | None:
    """Find the point of a front that lies farthest above the line between the front's ends.

    Satopaa et al. 2011, "Finding a 'Kneedle' in a Haystack", on the points as they are: costs in logarithms, since
    networks differ by factors, and both axes scaled to the front's own extent.

    Args:
        costs: Float (N,), above 0; the front's points in any order.
        scores: Float (N,), more is better.

    Returns:
        Its place among the points, the cheapest of equals; None where no point lies above that line, as of a front with
        fewer than three different points.
    """
    if not len(costs):
        return None
    logs = np.log10(costs)
    cost_extent, score_extent = float(np.ptp(logs)), float(np.ptp(scores))
    if cost_extent == 0 or score_extent == 0:
        return None
    above = (scores - scores.min()) / score_extent - (logs - logs.min()) / cost_extent
    best = max(range(len(costs)), key=lambda place: (above[place], -costs[place]))
    return int(best) if above[best] > 1e-9 else None
