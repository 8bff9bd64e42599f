"""PASHA, progressive ASHA (Bohdal et al., arXiv 2207.06940): no trial is trained longer than it takes to rank them.

Trials go on from the highest open rung only after the ranking there turned out to differ from the ranking at the rung
below; differences within the noise of the curves are none.
"""

import math
from itertools import combinations, pairwise

import numpy as np

from search.schedulers.asha import Asha
from search.schedulers.comparison import Comparison
from search.schedulers.rule import Verdict
from search.schedulers.settings import SchedulerSettings

NOISE_PERCENTILE = 90.0
"""Of the differences between trials that overtake each other again and again: closer ones rank alike."""

OPEN_AT_FIRST = 1
"""Rungs that trials may go on from at the beginning: two rungs are reached, so that there are two rankings."""


class Pasha(Asha):
    """Successive halving whose highest rung rises as long as rankings are unsettled; always with late promotion."""

    def __init__(self, settings: SchedulerSettings) -> None:
        super().__init__(settings)
        self._late_promotion = True
        self._open = {id(comparison): OPEN_AT_FIRST for comparison in self._comparisons.values()}

    def reported(self, trial_id: str, step: int, miou: float) -> Verdict:
        """Judge the trial; one that arrived at the highest open rung may open the next."""
        verdict = super().reported(trial_id, step, miou)
        comparison = self._comparison_of.get(trial_id)
        if comparison is not None and verdict.rung is not None:
            top = self._open[id(comparison)]
            if (
                top < len(comparison.rungs)
                and verdict.rung == comparison.rungs[top].step
                and self._unsettled(comparison)
            ):
                self._open[id(comparison)] = top + 1
        return verdict

    def _is_open(self, comparison: Comparison, index: int) -> bool:
        return index < self._open[id(comparison)]

    def _unsettled(self, comparison: Comparison) -> bool:
        """Whether the highest open rung ranks its trials otherwise than the rung below, beyond noise."""
        top = self._open[id(comparison)]
        above, below = comparison.rungs[top], comparison.rungs[top - 1]
        if len(above.points) < 2:
            return False
        noise = self._noise(comparison)
        now = sorted(above.points, key=above.place)
        before = sorted(above.points, key=below.place)
        return any(
            abs(below.points[trial_id][0] - below.points[before[place]][0]) > noise
            for place, trial_id in enumerate(now)
        )

    def _noise(self, comparison: Comparison) -> float:
        """How far apart trials are that overtake each other at least twice, mIoU; 0 where none do."""
        top = comparison.rungs[self._open[id(comparison)]]
        gaps = []
        for one, other in combinations(top.points, 2):
            pairs = zip(comparison.entrants[one].mious, comparison.entrants[other].mious, strict=False)
            differences = [a - b for a, b in pairs if math.isfinite(a - b)]
            signs = [difference > 0 for difference in differences if difference != 0]
            turns = sum(sign != after for sign, after in pairwise(signs))
            if turns >= 2:
                gaps.append(abs(differences[-1]))
        return float(np.percentile(gaps, NOISE_PERCENTILE)) if gaps else 0.0
