"""What the schedulers are made from."""

from collections.abc import Mapping
from dataclasses import dataclass

from search.schedulers.recovery import Recovery


@dataclass(frozen=True, kw_only=True, slots=True)
class SchedulerSettings:
    """What the schedulers are made from.

    Attributes:
        rungs: Steps at which ASHA judges, ascending.
        reduction_factor: Of the trials at a rung, one in this many goes on.
        max_steps: Optimiser steps of a full training.
        eval_every: Steps between evaluations.
        trials: Trials of each space, baselines included; fewer where a space is said to be exhausted earlier.
        late_promotion: Whether trials pause at a rung and go on when its cut falls, instead of ending there.
        curve_prediction: Whether predicted ends of learning curves stop trials, too.
        recovery: From how far behind curves came back; None for the table that ships with the package.
        costs: Cost objectives beside mIoU; with any, trials of all spaces are compared with each other.
    """

    rungs: tuple[int, ...]
    reduction_factor: int
    max_steps: int
    eval_every: int
    trials: Mapping[str, int]
    late_promotion: bool = True
    curve_prediction: bool = False
    recovery: Recovery | None = None
    costs: tuple[str, ...] = ()

    @property
    def evaluations(self) -> int:
        """Evaluations of a full training."""
        return -(-self.max_steps // self.eval_every)
