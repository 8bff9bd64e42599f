"""Forecasts come from simulations of the very same search."""

from datetime import datetime

import pytest
from scipy.stats import spearmanr

from search.forecast import CURVES, Forecast, Range, forecast, forecast_lines
from search.history import TrialJob
from search.schedulers.names import SCHEDULER_NAMES
from search.schedulers.rungs import rungs
from search.typical_curves import TypicalCurves
from spaces.loading import load_spaces
from tests.search.paces import make_pace
from tests.search.searching import at_once, make_settings

NOW = datetime(2026, 1, 31, 12, 0)


@pytest.mark.parametrize("scheduler", SCHEDULER_NAMES)
def test_no_more_steps_than_all_and_no_fewer_than_the_grace(scheduler: str) -> None:
    settings = make_settings(trials_per_space=12, scheduler=scheduler, late_promotion=True)
    steps = forecast(settings).spaces["unet"].steps
    full = 12 * settings.max_steps
    assert settings.max_steps + 11 * settings.grace_steps <= steps.low <= steps.mean <= steps.high <= full
    assert (steps.mean == full) == (scheduler == "none")


def test_without_early_stopping_the_time_is_that_of_all_steps() -> None:
    pace = make_pace(2.0, evaluation=3.0, checkpoint=1.0, start=5.0, test=0.0)
    settings = make_settings(scheduler="none", trials_per_space=4, finalist_seeds=0)
    times = {workers: forecast(at_once(settings, workers), {"unet": pace}).seconds for workers in (1, 2, 4)}
    one = 5.0 + 90 * 2.0 + 9 * (3.0 + 1.0)
    seconds = {workers: found.mean for workers, found in times.items() if found is not None}
    assert seconds[1] - seconds[2] == pytest.approx(2 * one)
    assert seconds[2] - seconds[4] == pytest.approx(one)


def test_finals_take_their_time() -> None:
    settings = make_settings("unet,deeplabv3plus", scheduler="none", trials_per_space=1)
    paces = {"unet": make_pace(1.0), "deeplabv3plus": make_pace(3.0)}
    found = [forecast(settings.model_copy(update={"finalist_seeds": seeds}), paces).seconds for seeds in (1, 2)]
    first, second = (entry.mean for entry in found if entry is not None)
    # Two workers: one is done with both finals of the light space when the other ends the first of the heavy one.
    unet = 1.0 + 90 * 1.0 + 9 * 1.1 + 2.0
    assert second - first == pytest.approx(2 * unet)


def test_unknown_paces_leave_the_time_out_and_uncertain_ones_widen_it() -> None:
    settings = make_settings()
    assert forecast(settings).seconds is None
    (line,) = forecast_lines(settings, forecast(settings), NOW)
    assert line == f"forecast in all: about {forecast(settings).steps:.0f} of at most 540 steps; {CURVES}"
    sure, unsure = (forecast(settings, {"unet": make_pace(uncertainty=share)}).seconds for share in (0.0, 0.2))
    assert sure is not None
    assert unsure is not None
    assert (unsure.low, unsure.mean, unsure.high) == pytest.approx((0.8 * sure.low, sure.mean, 1.2 * sure.high))


def test_the_finish_is_told() -> None:
    settings = make_settings()
    found = Forecast(spaces=forecast(settings, {"unet": make_pace()}).spaces, seconds=Range(3000.0, 3600.0, 4200.0))
    (line,) = (line for line in forecast_lines(settings, found, NOW) if "done about" in line)
    assert line == (
        f"forecast in all: about {found.steps:.0f} of at most 540 steps, 1 h 00 min (50 min 00 s to 1 h 10 min) with "
        f"the finals, done about 2026-01-31 13:00; {CURVES}"
    )


def test_forecasts_are_the_same_each_time() -> None:
    settings = make_settings(late_promotion=True, trials_per_space=20)
    paces = {"unet": make_pace()}
    assert forecast(settings, paces) == forecast(settings, paces)


def test_a_thousand_workers_are_planned() -> None:
    settings = make_settings(
        trials_per_space=2000,
        max_steps=75_000,
        eval_every=500,
        grace_steps=12_000,
        rungs=rungs(12_000, 75_000, 500),
        late_promotion=True,
        finalist_seeds=5,
    )
    found = forecast(at_once(settings, 1000), {"unet": make_pace(0.1)}, seeds=1)
    assert found.seconds is not None
    # Two rounds of trials at least, and the finals.
    assert found.seconds.mean > 0.1 * (12_000 + 75_000)


BASELINE = load_spaces("unet")[0].baseline


def make_job(number: int) -> TrialJob:
    name = f"unet-{number:03d}"
    return TrialJob(trial_id=name, space="unet", phase="search", role="proposed", seed=0, config=BASELINE)


def test_typical_curves_rise_and_their_ranks_settle() -> None:
    curves = TypicalCurves(100, seed=0, trials=400, learning=False)
    jobs = [make_job(number) for number in range(400)]
    ends = [curves.miou(job, 100) for job in jobs]
    first, early, half = (spearmanr([curves.miou(job, step) for job in jobs], ends).statistic for step in (4, 15, 50))
    assert 0.3 < first < 0.65
    assert 0.85 < early < 0.95
    assert half > 0.95
    means = [sum(curves.miou(job, step) for job in jobs) for step in (4, 15, 50, 100)]
    assert means == sorted(means)
    assert all(0.0 <= value <= 1.0 for value in ends)


def test_a_sampler_that_learns_proposes_better_by_and_by() -> None:
    plain, learning = (TypicalCurves(100, seed=0, trials=50, learning=learns) for learns in (False, True))
    assert learning.miou(make_job(0), 100) == plain.miou(make_job(0), 100)
    assert learning.miou(make_job(49), 100) > plain.miou(make_job(49), 100)
