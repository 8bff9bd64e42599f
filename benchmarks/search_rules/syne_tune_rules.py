"""Syne Tune's own schedulers, driven as its tuner drives them. Its ASHA stops trials; release 0.16 has no promotion."""

import logging
from typing import Any

import numpy as np


class _SyneTuneRule:
    """A scheduler of Syne Tune over stand-ins for trials."""

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler
        self._trials: dict[int, Any] = {}
        _quiet()

    def started(self, trial: int) -> None:
        """Add the trial."""
        self._trials[trial] = _trial(trial)
        self._scheduler.on_trial_add(self._trials[trial])

    def failed(self, trial: int) -> None:
        """Tell the scheduler that the trial broke."""
        self._scheduler.on_trial_error(self._trials[trial])

    def _goes_on(self, trial: int, result: dict[str, float]) -> bool:
        return bool(self._scheduler.on_trial_result(self._trials[trial], result) != "STOP")


class SyneTuneAsha(_SyneTuneRule):
    """The scheduler of `syne_tune.optimizer.baselines.ASHA`."""

    def __init__(self, *, max_evaluations: int, grace: int, reduction_factor: int, seed: int) -> None:
        from syne_tune.optimizer.schedulers.asha import AsynchronousSuccessiveHalving

        scheduler = AsynchronousSuccessiveHalving(
            config_space=_config_space(),
            metric="miou",
            do_minimize=False,
            searcher="random_search",
            time_attr="evaluation",
            max_t=max_evaluations,
            grace_period=grace,
            reduction_factor=reduction_factor,
            random_seed=seed,
        )
        super().__init__(scheduler)

    def reported(self, trial: int, evaluation: int, miou: float) -> bool:
        """Ask the scheduler."""
        return self._goes_on(trial, {"miou": miou, "evaluation": evaluation})


class SyneTuneMoasha(_SyneTuneRule):
    """`MOASHA` on mIoU and further metrics, all as losses; with mIoU alone it ranks like ASHA."""

    def __init__(
        self,
        *,
        max_evaluations: int,
        grace: int,
        reduction_factor: int,
        seed: int,
        costs: dict[int, float] | None = None,
    ) -> None:
        from syne_tune.optimizer.schedulers.multiobjective.moasha import MOASHA

        self._costs = costs
        # The epsilon-net begins at a point that it draws from numpy's global generator.
        np.random.seed(seed)
        scheduler = MOASHA(
            config_space=_config_space(),
            metrics=["loss"] if costs is None else ["loss", "cost"],
            do_minimize=True,
            time_attr="evaluation",
            max_t=max_evaluations,
            grace_period=grace,
            reduction_factor=reduction_factor,
            random_seed=seed,
        )
        super().__init__(scheduler)

    def reported(self, trial: int, evaluation: int, miou: float) -> bool:
        """Ask the scheduler."""
        result: dict[str, float] = {"loss": 1.0 - miou, "evaluation": evaluation}
        if self._costs is not None:
            result["cost"] = self._costs[trial]
        return self._goes_on(trial, result)


def _quiet() -> None:
    """Syne Tune warns of every trial that breaks."""
    logging.getLogger("syne_tune").setLevel(logging.ERROR)


def _trial(number: int) -> Any:
    from datetime import datetime

    from syne_tune.backend.trial_status import Trial

    return Trial(trial_id=number, config={"x": 0.5}, creation_time=datetime.fromtimestamp(0))


def _config_space() -> dict[str, Any]:
    """A space in which nothing is looked for: configurations come from the contest."""
    from syne_tune.config_space import uniform

    return {"x": uniform(0.0, 1.0)}
