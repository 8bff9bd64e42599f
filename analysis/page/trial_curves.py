"""Each trial's learning curve for the panel that a click on it opens, thinned to what a small plot can show."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.figures.rows import numbers

if TYPE_CHECKING:
    import pandas as pd

MOST_POINTS = 60
"""Evaluations of one trial that are drawn; `curves.csv` holds them all."""
UNITS = 10_000
"""Scores are written as whole ten-thousandths: a page of many trials stays small."""


def trial_curves(trial_ids: "list[str]", curves: "pd.DataFrame") -> dict[str, Any]:
    """Steps and scores of each trial as plain JSON values.

    Args:
        trial_ids: The trials, in the order of the table.
        curves: One row per evaluation, sorted by trial and step.

    Returns:
        `steps`: distinct lists of steps, which most trials share. `at`: for each trial the place of its list there, -1
        for a trial without a score. `scores`: for each trial its mIoU in units of 1 / UNITS, one for each step.
    """
    scores, steps = numbers(curves, "miou"), numbers(curves, "step")
    usable = np.isfinite(scores) & np.isfinite(steps)
    scores, steps = np.rint(scores[usable] * UNITS), steps[usable]
    names = curves["trial_id"].to_numpy(dtype=object)[usable] if "trial_id" in curves else np.empty(0, dtype=object)
    bounds = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist(), len(names)] if len(names) else []
    places: dict[tuple[int, ...], int] = {}
    found: dict[str, tuple[int, list[int]]] = {}
    for start, end in pairwise(bounds):
        chosen = start + _thinned(end - start)
        grid = tuple(int(step) for step in steps[chosen])
        found[str(names[start])] = (places.setdefault(grid, len(places)), scores[chosen].astype(np.int64).tolist())
    shown = [found.get(trial, (-1, [])) for trial in trial_ids]
    return {
        "steps": [list(grid) for grid in places],
        "at": [place for place, _ in shown],
        "scores": [values for _, values in shown],
        "units": UNITS,
    }


def _thinned(count: int) -> Any:
    """Places of at most MOST_POINTS of `count` points, evenly spread, both ends among them."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).round().astype(np.intp))
