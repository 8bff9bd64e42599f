"""Ray Tune's own scheduler, driven as its controller drives it."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.search_rules.clock import run_rule
from benchmarks.search_rules.contest import Contest, Landscape, Outcome, furthest_then_last
from search.samplers.sources import OptunaSource
from spaces.loading import load_space
from spaces.space import Space


class RayAsha:
    """`ray.tune.schedulers.AsyncHyperBandScheduler` over stand-ins for trials, of which it reads the name only."""

    def __init__(self, *, max_evaluations: int, grace: int, reduction_factor: int) -> None:
        from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

        self._scheduler: Any = AsyncHyperBandScheduler(
            time_attr="evaluation",
            metric="miou",
            mode="max",
            max_t=max_evaluations,
            grace_period=grace,
            reduction_factor=reduction_factor,
        )
        self._stop = TrialScheduler.STOP
        self._trials: dict[int, Any] = {}

    def started(self, trial: int) -> None:
        """Add the trial."""
        self._trials[trial] = SimpleNamespace(trial_id=str(trial))
        self._scheduler.on_trial_add(None, self._trials[trial])

    def reported(self, trial: int, evaluation: int, miou: float) -> bool:
        """Ask the scheduler."""
        decision = self._scheduler.on_trial_result(None, self._trials[trial], {"evaluation": evaluation, "miou": miou})
        return bool(decision != self._stop)

    def failed(self, trial: int) -> None:
        """Tell the scheduler that the trial broke."""
        self._scheduler.on_trial_error(None, self._trials[trial])


class RayAshaWithOptuna(RayAsha):
    """The same beside `ray.tune.search.optuna.OptunaSearch`, which proposes points of a space (univariate TPE).

    It is told what Ray's controller tells it: of each evaluation after which a trial goes on, and of the last result of
    a trial that ended, stopped early or not, as the trial's value.
    """

    def __init__(self, space: Space, landscape: Landscape, *, max_evaluations: int, grace: int, seed: int) -> None:
        from ray.tune.search.optuna import OptunaSearch

        super().__init__(max_evaluations=max_evaluations, grace=grace, reduction_factor=3)
        self._searcher: Any = OptunaSearch(lambda trial: _draw(space, trial), metric="miou", mode="max", seed=seed + 1)
        self._landscape = landscape
        self._random = np.random.default_rng((seed, 7))
        self.curves: list[NDArray[np.float64]] = []

    def begin(self, trial: int) -> tuple[NDArray[np.float64], float]:
        """Have a configuration proposed; its curve and seconds."""
        drawn = self._searcher.suggest(str(trial))
        curves, seconds = self._landscape.curves([drawn], self._random)
        self.curves.append(curves[0])
        return curves[0], float(seconds[0])

    def reported(self, trial: int, evaluation: int, miou: float) -> bool:
        """Ask the scheduler, and tell the searcher."""
        result = {"evaluation": evaluation, "training_iteration": evaluation, "miou": miou}
        goes_on = super().reported(trial, evaluation, miou)
        if goes_on:
            self._searcher.on_trial_result(str(trial), result)
        else:
            self._searcher.on_trial_complete(str(trial), result)
        return goes_on


def run_ray_with_optuna(contest: Contest, workers: int) -> Outcome:
    """Ray's ASHA with OptunaSearch where a contest has a landscape."""
    if contest.landscape is None:
        raise ValueError("nothing to propose: the contest has no landscape")
    rule = RayAshaWithOptuna(
        load_space("unet"), contest.landscape, max_evaluations=contest.evaluations, grace=1, seed=contest.seed
    )
    spent, seconds = run_rule(rule, rule, count=contest.trials, evaluations=contest.evaluations, workers=workers)
    mious = np.array(rule.curves)
    return Outcome(spent, seconds, furthest_then_last(mious, spent), mious)


def _draw(space: Space, trial: Any) -> None:
    space.sample(OptunaSource(trial))
