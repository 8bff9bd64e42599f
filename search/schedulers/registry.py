"""The stopping rules by the names that `--scheduler` takes."""

from collections.abc import Callable
from dataclasses import dataclass

from search.schedulers.asha import Asha
from search.schedulers.full_length import FullLength
from search.schedulers.patience import Patience
from search.schedulers.rule import StoppingRule

RECIPE_PATIENCE_SHARE = 40 / 150
"""The recipe waits 40 of its 150 evaluations; shorter trainings wait the same share."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SchedulerSettings:
    """What the stopping rules are made from.

    Attributes:
        rungs: Steps at which ASHA judges.
        reduction_factor: Of the trials at a rung, one in this many goes on.
        evaluations: Evaluations of a full training.
    """

    rungs: tuple[int, ...]
    reduction_factor: int
    evaluations: int


SCHEDULERS: dict[str, Callable[[SchedulerSettings], StoppingRule]] = {
    "asha": lambda settings: Asha(settings.rungs, settings.reduction_factor),
    "patience": lambda settings: Patience(max(2, round(RECIPE_PATIENCE_SHARE * settings.evaluations))),
    "none": lambda settings: FullLength(),
}
