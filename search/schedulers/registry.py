"""The schedulers by the names that `--scheduler` takes."""

from collections.abc import Callable

from search.schedulers.asha import Asha
from search.schedulers.full_length import FullLength
from search.schedulers.pasha import Pasha
from search.schedulers.patience import Patience
from search.schedulers.recovery import Recovery
from search.schedulers.rule import Scheduler
from search.schedulers.settings import SchedulerSettings
from search.settings import SearchSettings

RECIPE_PATIENCE_SHARE = 40 / 150
"""The recipe waits 40 of its 150 evaluations; shorter trainings wait the same share."""


def recipe_patience(evaluations: int) -> int:
    """Evaluations without a new best after which the recipe stops a training of this many evaluations."""
    return max(2, round(RECIPE_PATIENCE_SHARE * evaluations))


SCHEDULERS: dict[str, Callable[[SchedulerSettings], Scheduler]] = {
    "asha": Asha,
    "pasha": Pasha,
    "patience": lambda settings: Patience(recipe_patience(settings.evaluations)),
    "none": lambda settings: FullLength(),
}


def make_scheduler(settings: SearchSettings, recovery: Recovery | None = None) -> Scheduler:
    """The scheduler of a search.

    Args:
        settings: The search.
        recovery: From how far behind curves came back; None for the table that ships with the package.
    """
    return SCHEDULERS[settings.scheduler](
        SchedulerSettings(
            rungs=settings.rungs,
            reduction_factor=settings.reduction_factor,
            max_steps=settings.max_steps,
            eval_every=settings.eval_every,
            trials={space: settings.trials_of(space) for space in settings.spaces},
            late_promotion=settings.late_promotion,
            curve_prediction=settings.curve_prediction,
            recovery=recovery,
            costs=tuple(name for name in settings.objectives if name != "miou"),
        )
    )
