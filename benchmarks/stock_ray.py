"""Stock Ray Tune's scheduler, set as this project's own is, for comparisons on one search."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ray.tune.schedulers import AsyncHyperBandScheduler

    from search.settings import SearchSettings


def stock_scheduler(settings: "SearchSettings") -> "AsyncHyperBandScheduler":
    """Ray's ASHA with a search's first rung, reduction factor and full length; it reads `step` and `miou`."""
    from ray.tune.schedulers import AsyncHyperBandScheduler

    return AsyncHyperBandScheduler(
        time_attr="step",
        metric="miou",
        mode="max",
        grace_period=settings.grace_steps,
        reduction_factor=settings.reduction_factor,
        max_t=settings.max_steps,
    )
