"""What a trial is worth when configurations are chosen by their learning curves: a short average, not one lucky value.

A curve's highest evaluation is the luckiest of many: on recorded curves of the UNet with 27 evaluations each it lies
0.1 to 0.5 points of mIoU over its neighbourhood, and up to 2. What is kept of a trial are the weights of that
evaluation, so its neighbourhood is what they are worth.
"""

import math
from collections.abc import Sequence

WINDOW = 3
"""Neighbouring evaluations that are averaged: the best one, the one before, and the one after it."""


def trial_score(mious: Sequence[float], window: int = WINDOW) -> float:
    """The highest mean of `window` successive evaluations.

    Args:
        mious: Foreground mIoU of a trial's evaluations, in the order of their steps; those that are no finite number
            are passed over.
        window: Evaluations to average; a curve that has fewer is averaged whole.

    Returns:
        A fraction; NaN where no evaluation is finite.

    Raises:
        ValueError: The window is empty.
    """
    if window < 1:
        raise ValueError(f"a window of {window} evaluations averages nothing; right is 1 or more")
    finite = [float(miou) for miou in mious if math.isfinite(miou)]
    if not finite:
        return math.nan
    width = min(window, len(finite))
    # strict=False: the later copies are shorter, and end with the last whole window.
    windows = zip(*(finite[start:] for start in range(width)), strict=False)
    return max(map(math.fsum, windows)) / width
