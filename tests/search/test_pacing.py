"""Which configurations are timed where, and what follows from their times; without timing."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from search.pacing import TIMED_CONFIGURATIONS, Timing, measured_pace, summarised
from tests.search.paces import make_pace
from tests.search.searching import make_settings
from trainables.training.pace import Pace


class Recorded:
    """Gives each configuration a pace by a formula, and keeps what came."""

    def __init__(self) -> None:
        self.timings: Sequence[Timing] = ()

    def __call__(self, function: Callable[[Timing], Any], timings: Sequence[Timing]) -> list[list[Pace]]:
        self.timings = timings
        return [[make_pace(1.0 + config["heads"]).mean for config in timing.configs] for timing in timings]


@pytest.mark.parametrize(("workers", "at_once"), [(1, 1), (2, 2), (50, TIMED_CONFIGURATIONS)])
def test_as_many_are_timed_at_once_as_trials_run(workers: int, at_once: int) -> None:
    settings = make_settings()
    settings = settings.model_copy(update={"device": settings.device.model_copy(update={"concurrent_trials": workers})})
    run = Recorded()
    found = measured_pace(settings, "unet", run)
    assert len(run.timings) == at_once
    configs = [config for timing in run.timings for config in timing.configs]
    assert len(configs) == TIMED_CONFIGURATIONS
    assert found.mean.step == pytest.approx(1.0 + sum(config["heads"] for config in configs) / len(configs))


def test_those_that_are_timed_cost_as_differently_as_the_space_does() -> None:
    run = Recorded()
    measured_pace(make_settings(), "unet", run)
    configs = [config for timing in run.timings for config in timing.configs]
    off = [config["threshold_strategy"] == "off" for config in configs]
    assert any(off)
    assert not all(off)


def test_the_mean_of_alike_configurations_is_sure() -> None:
    alike = summarised([make_pace(2.0).mean] * 4)
    assert (alike.mean, alike.uncertainty) == (make_pace(2.0).mean, 0.0)
    # Successive differences of 1: sqrt(3 / (2 * 4 * 3)) of a mean of 2.5 seconds.
    rising = summarised([make_pace(step).mean for step in (1.0, 2.0, 3.0, 4.0)])
    assert rising.uncertainty == pytest.approx((3 / 24) ** 0.5 / 2.5)
