"""Learning curves to forecast with, before any trial has run: parametric ones that behave like recorded ones."""

import random
from typing import ClassVar, Self

import numpy as np

from search.history import TrialJob
from search.settings import SearchSettings

MEAN_END = 0.335
SPREAD = 0.157
"""Mean and standard deviation of the mIoU that trials end at."""

SLOWNESS = 0.04
LOST_AT_FIRST = 1.15
"""A curve's rise: 1 - LOST_AT_FIRST / (1 + share of the training / SLOWNESS), a saturating power law."""

IMPROVEMENT = 0.5
"""Standard deviations by which the last proposals of a sampler that learns are better than the first."""

LEARNING_SAMPLERS = ("tpe",)


class TypicalCurves:
    """Saturating power laws whose ranks settle as those of recorded trainings do.

    What a trial ends at and what it begins with are drawn independently; the share that the end has in the value grows
    so that ranks correlate with those at the end as they did in 30 full trainings of random configurations of the UNet
    on aerial images (27 evaluations; .44 at the first, .91 at the fourth, .98 at the thirteenth). Only their ranks
    matter to most schedulers, so that the heights say nothing of what a search will reach.
    """

    # Share of the training, and rank correlation with the end.
    _SETTLED: ClassVar = (
        (0.0, 0.037, 0.074, 0.111, 0.148, 0.222, 0.37, 0.5, 0.75, 1.0),
        (0.2, 0.44, 0.71, 0.79, 0.91, 0.95, 0.97, 0.98, 0.99, 1.0),
    )

    def __init__(self, max_steps: int, *, seed: int, trials: int, learning: bool) -> None:
        """Take what the curves depend on.

        Args:
            max_steps: Steps of a full training.
            seed: Another gives other curves.
            trials: Trials of a space.
            learning: Whether proposals get better by and by (`IMPROVEMENT`).
        """
        self._max_steps = max_steps
        self._seed = seed
        self._improvement = IMPROVEMENT / max(1, trials - 1) if learning else 0.0
        self._drawn: dict[str, tuple[float, float]] = {}
        self._at_step: dict[int, tuple[float, float, float]] = {}

    @classmethod
    def for_search(cls, settings: SearchSettings, *, seed: int) -> Self:
        """Curves for a search's trials."""
        return cls(
            settings.max_steps,
            seed=seed,
            trials=max(map(settings.trials_of, settings.spaces)),
            learning=settings.search_alg in LEARNING_SAMPLERS,
        )

    def miou(self, job: TrialJob, step: int) -> float:
        """The trial's value at a step."""
        rise, settled, unsettled = self._shape(step)
        end, beginning = self._latent(job)
        return min(1.0, max(0.0, rise * (MEAN_END + SPREAD * (settled * end + unsettled * beginning))))

    def _shape(self, step: int) -> tuple[float, float, float]:
        if step not in self._at_step:
            share = step / self._max_steps
            settled = float(np.interp(share, *self._SETTLED))
            rise = 1.0 - LOST_AT_FIRST / (1.0 + share / SLOWNESS)
            self._at_step[step] = (rise, settled, (1.0 - settled**2) ** 0.5)
        return self._at_step[step]

    def _latent(self, job: TrialJob) -> tuple[float, float]:
        if job.trial_id not in self._drawn:
            source = random.Random(f"{self._seed} {job.trial_id}")
            number = job.trial_id.rpartition("-")[2]
            better = self._improvement * int(number) if number.isdigit() else 0.0
            self._drawn[job.trial_id] = (source.gauss() + better, source.gauss())
        return self._drawn[job.trial_id]
