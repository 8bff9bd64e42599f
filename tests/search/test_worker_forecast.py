"""Forecasts for workers that are not there: what a worker is, wall time and cost on several numbers of them."""

from typing import Any

import pytest

from search.driver_pace import DriverPace
from search.options import make_parser
from search.planning import plan_search
from search.run import main
from search.settings import SearchSettings
from search.worker_forecast import Basis, on_given_workers, worker_counts, worker_forecast_lines, worker_forecasts
from search.worker_pool import WorkerPool, timed_here, worker_text
from spaces.errors import InputError
from tests.search.paces import make_pace
from tests.search.searching import make_settings
from trainables.compute.machines import Machines

AT_ONCE = DriverPace(report=0.0, proposal=0.0)
LAPTOP = Machines(cpus=2, gpus=0, description="a laptop", memory_gb=8.0)


def make_pool(workers: int, **changes: Any) -> WorkerPool:
    content: dict[str, Any] = {
        "workers": workers,
        "limit": None,
        "price_per_hour": None,
        "step_seconds": {},
        "start_seconds": 0.0,
    }
    return WorkerPool(**(content | changes))


def gpu_settings(unet: float = 0.5, **changes: Any) -> SearchSettings:
    """Two spaces of which the light one takes a share of a GPU."""
    settings = make_settings("unet,deeplabv3plus", scheduler="none", finalist_seeds=0, **changes)
    gpus = {"unet": unet, "deeplabv3plus": 1.0}
    device = settings.device.model_copy(
        update={"kind": "cuda", "gpus_per_trial": gpus, "cpus_per_trial": dict.fromkeys(gpus, 4.0)}
    )
    return settings.model_copy(update={"device": device})


def make_basis(settings: SearchSettings, pool: WorkerPool, driver: DriverPace = AT_ONCE, **steps: float) -> Basis:
    measured = {
        space: make_pace(steps.get(space, 1.0), evaluation=0.0, checkpoint=0.0, start=0.0, test=0.0)
        for space in settings.spaces
    }
    return Basis(settings=settings, pool=pool, measured=measured, driver=driver, here="a laptop")


def around(settings: SearchSettings) -> float:
    """Seconds of a forecast that are not trials'."""
    alone = settings.model_copy(update={"trials_per_space": 1})
    (found,) = worker_forecasts(make_basis(alone, make_pool(1)))[:1]
    return found.seconds.mean - len(settings.spaces) * settings.max_steps


@pytest.mark.parametrize(
    ("workers", "counts"), [(256, (64, 128, 256, 512, 1024)), (1, (1, 2, 4)), (3, (1, 2, 3, 6, 12))]
)
def test_numbers_around_the_one_that_was_asked_for(workers: int, counts: tuple[int, ...]) -> None:
    assert worker_counts(workers) == counts


def test_equal_trials_take_as_many_rounds_as_workers_need() -> None:
    settings = make_settings(scheduler="none", finalist_seeds=0, trials_per_space=8)
    found = {entry.workers: entry for entry in worker_forecasts(make_basis(settings, make_pool(2, price_per_hour=2.0)))}
    rest = around(settings)
    for workers, rounds in ((1, 8), (2, 4), (4, 2), (8, 1)):
        assert found[workers].seconds.mean == pytest.approx(rounds * settings.max_steps + rest)
        assert found[workers].occupied_hours == pytest.approx(8 * settings.max_steps / 3600)
        assert found[workers].worker_hours == pytest.approx(workers * found[workers].seconds.mean / 3600)
        held = 8 * settings.max_steps / (workers * found[workers].seconds.mean)
        assert found[workers].utilisation == pytest.approx(held)


def test_light_trials_share_a_worker_and_heavy_ones_take_it_whole() -> None:
    settings = gpu_settings(trials_per_space=2)
    pool = make_pool(2)
    assert pool.at_once(settings, 2) == 4
    found = {entry.workers: entry for entry in worker_forecasts(make_basis(settings, pool))}
    whole = gpu_settings(1.0, trials_per_space=2)
    apart = {entry.workers: entry for entry in worker_forecasts(make_basis(whole, pool))}
    rest = around(settings)
    # On two: both light ones on the first beside a heavy one, then the other heavy one; else two rounds of two.
    assert found[2].seconds.mean == pytest.approx(2 * settings.max_steps + rest)
    # One whole worker is too little for both kinds at a time.
    assert found[1].seconds.mean == apart[1].seconds.mean == pytest.approx(4 * settings.max_steps + rest)
    assert found[2].occupied_hours < apart[2].occupied_hours


def test_more_trials_at_once_than_allowed_there_are_not() -> None:
    settings = make_settings(scheduler="none", finalist_seeds=0, trials_per_space=8)
    pool = make_pool(4, limit=2)
    found = worker_forecasts(make_basis(settings, pool))
    assert [entry.at_once for entry in found] == [1, 2, 2, 2, 2]
    assert found[1].seconds.mean == found[4].seconds.mean


def test_slow_steps_the_workers_start_and_the_driver_take_their_time() -> None:
    settings = make_settings(scheduler="none", finalist_seeds=0, trials_per_space=4)
    base = worker_forecasts(make_basis(settings, make_pool(1)))[0].seconds.mean
    slow = worker_forecasts(make_basis(settings, make_pool(1), unet=2.0))[0].seconds.mean
    # Measuring its networks takes no longer: steps of two seconds are still short.
    assert slow - base == pytest.approx(4 * settings.max_steps + 3 * (12 * 2.0 - 12 * 1.0))
    late = worker_forecasts(make_basis(settings, make_pool(1, start_seconds=300.0)))[0].seconds.mean
    assert late - base == pytest.approx(300.0)
    busy = worker_forecasts(make_basis(settings, make_pool(1), DriverPace(report=0.5, proposal=2.0)))[0].seconds.mean
    assert busy - base == pytest.approx(4 * (2.0 + 0.5 * settings.max_steps / settings.eval_every))


def test_given_steps_take_evaluations_along_and_leave_checkpoints() -> None:
    measured = {"unet": make_pace(2.0, evaluation=4.0, checkpoint=1.0, start=6.0, test=8.0, uncertainty=0.3)}
    pace = on_given_workers(measured, make_pool(1, step_seconds={"unet": 0.5}))["unet"]
    assert (pace.mean.step, pace.mean.evaluation, pace.mean.start, pace.mean.test) == (0.5, 1.0, 1.5, 2.0)
    assert (pace.mean.checkpoint, pace.uncertainty) == (1.0, 0.0)
    assert on_given_workers(measured, make_pool(1)) == measured


def test_what_is_told_says_what_was_measured_and_what_assumed() -> None:
    settings = gpu_settings(trials_per_space=2)
    pool = make_pool(2, price_per_hour=1.2, step_seconds={"unet": 0.1})
    basis = make_basis(settings, pool, DriverPace(report=0.002, proposal=0.04))
    lines = worker_forecast_lines(basis, worker_forecasts(basis))
    text = "\n".join(lines)
    assert worker_text(settings) in lines[0]
    assert "a worker: what a trial of deeplabv3plus takes, 1 GPU with 8 CPU cores; a trial of unet takes 0.5" in text
    assert [line.split()[0] for line in lines[1:6]] == ["workers", "1", "2", "4", "8"]
    assert "cost at 1.20 per worker-hour" in text
    assert "the search needs --concurrent-trials 4" in text
    assert "given for unet: a step 0.1 s" in text
    assert "measured here (a laptop): the driver takes 2 ms for a report and 40 ms for a proposal" in text
    assert "of at most 500" in text
    assert "measured here for deeplabv3plus: a step 1 s" in text
    assert "workers as fast as this machine for deeplabv3plus" in text
    free = make_basis(settings, make_pool(2), basis.driver)
    assert "cost" not in "\n".join(worker_forecast_lines(free, worker_forecasts(free)))


def test_steps_are_timed_on_what_is_here() -> None:
    settings = gpu_settings()
    here = timed_here(settings, LAPTOP).device
    assert (here.kind, here.gpus_per_trial["unet"], here.cpus_per_trial["unet"]) == ("cpu", 0.0, 2.0)
    assert here.concurrent_trials == 1
    server = Machines(cpus=64, gpus=2, description="a server", memory_gb=8.0)
    there = timed_here(make_pool(256).on_workers(settings, 256), server).device
    assert (there.kind, there.gpus_per_trial, there.concurrent_trials) == ("cuda", settings.device.gpus_per_trial, 4)


def planned(*words: str) -> Any:
    options = make_parser().parse_args(["--space", "unet", "--dry-run", *words])
    return plan_search(options, LAPTOP)


def test_trials_need_not_fit_on_this_machine() -> None:
    search = planned("--workers", "256", "--gpus-per-trial", "1", "--cpus-per-trial", "8", "--step-seconds", "0.2")
    assert search.needs_timing
    assert search.pool.step_seconds == {"unet": 0.2}
    assert (search.settings.device.kind, search.settings.device.concurrent_trials) == ("cuda", 256)
    assert planned().pool is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--workers", "4", "--step-seconds", "0"), "must be more than 0"),
        (("--workers", "4", "--step-seconds", "unet=x"), "'x' is no number"),
        (("--workers", "4", "--step-seconds", "linknet=1"), "'linknet' is not searched"),
        (("--workers", "4", "--gpus-per-trial", "1"), "there is no GPU here to time steps of unet on"),
        (("--workers", "0"), "too small"),
        (("--workers", "4", "--price-per-hour", "-1"), "0 or more"),
        (("--workers", "4", "--worker-start", "5"), "no length of time"),
    ],
)
def test_wrong_numbers_are_refused_in_one_line(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        planned(*words)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--workers", "4"), "say --dry-run with it"),
        (("--price-per-hour", "1", "--dry-run"), "--price-per-hour is for forecasts"),
        (("--step-seconds", "1"), "--step-seconds is for forecasts"),
        (("--worker-start", "1m"), "--worker-start is for forecasts"),
    ],
)
def test_forecasts_are_asked_for_as_such(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        main(["--space", "unet", *words])
