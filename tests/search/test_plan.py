"""What a search says it will do."""

from datetime import datetime

import pytest

from search.forecast import forecast
from search.plan import paused_at_once, plan_lines, plan_of
from search.schedulers.asha import RESERVES
from search.schedulers.comparison import FEWEST_SURVIVORS, survivors
from search.schedulers.rungs import rungs
from search.simulation.simulator import Durations, simulate
from search.typical_curves import TypicalCurves
from tests.search.paces import make_pace
from tests.search.searching import make_settings
from tests.search.simulated import SameConfig, settings_for
from trainables.journal import Event

NOW = datetime(2026, 1, 31, 12, 0)


class PausedCounter:
    """Counts the trials that are paused; `most` is how many were at once."""

    def __init__(self) -> None:
        self.paused: set[str] = set()
        self.most = 0

    def take(self, event: Event) -> None:
        if event["event"] == "decided" and event["action"] == "pause":
            self.paused.add(event["trial_id"])
        elif event["event"] in {"promoted", "ended", "audited"}:
            self.paused.discard(event["trial_id"])
        self.most = max(self.most, len(self.paused))


def test_expected_steps_are_those_that_the_schedulers_own_rule_takes() -> None:
    settings = make_settings(trials_per_space=27, grace_steps=30, rungs=rungs(30, 90, 10), late_promotion=True)
    plan = plan_of(settings, forecast(settings))
    # Another sampler and other curves: with late promotion only the number of trials decides how many go on.
    curves = TypicalCurves(settings.max_steps, seed=99, trials=27, learning=False)
    history = simulate(settings, curves, Durations.of_steps({"unet": 1.0})).history
    taken = sum(trial.step for trial in history.of_phase("search", "unet"))
    assert plan.steps_expected == pytest.approx(taken, rel=0.03)
    assert plan.steps_full == 27 * 90
    assert plan.saving == pytest.approx(1 - plan.steps_expected / plan.steps_full)


def test_trials_and_finals_are_counted() -> None:
    settings = make_settings(trials_per_space=4, finalist_seeds=3)
    plan = plan_of(settings, forecast(settings))
    # The best and the baseline, on each seed.
    assert (plan.trials, plan.finals, plan.steps_finals) == (4, 6, 6 * 90)
    shared = make_settings("unet,deeplabv3plus", trials_by_space={"unet": 7, "deeplabv3plus": 2})
    assert plan_of(shared, forecast(shared)).trials == 9


@pytest.mark.parametrize("scheduler", ["asha", "pasha", "patience", "none"])
def test_the_rule_is_told_with_its_steps(scheduler: str) -> None:
    settings = make_settings(scheduler=scheduler)
    found = forecast(settings)
    (line,) = (line for line in plan_lines(settings, found, NOW) if line.startswith(f"{scheduler}: "))
    assert f"about {plan_of(settings, found).steps_expected} of at most 540 steps" in line
    assert ("rungs at" in line) == (scheduler in {"asha", "pasha"})


def test_equal_device_seconds_are_told_as_such() -> None:
    settings = make_settings(
        "unet,deeplabv3plus",
        equal="device-seconds",
        trials_by_space={"unet": 7, "deeplabv3plus": 2},
        device_seconds_per_space=600.0,
    )
    paces = {space: make_pace() for space in settings.spaces}
    lines = plan_lines(settings, forecast(settings, paces), NOW)
    assert lines[0] == (
        "spaces: unet, deeplabv3plus; 10 min 00 s of CPU-core-seconds each, trials at most: 7 of unet, "
        "2 of deeplabv3plus, the baseline first"
    )
    assert any("done about 2026-01-31" in line for line in lines)


@pytest.mark.parametrize("late_promotion", [False, True])
def test_disk_is_told_where_checkpoints_are_known(late_promotion: bool) -> None:
    settings = make_settings(trials_per_space=31, late_promotion=late_promotion)
    found = forecast(settings)
    assert not any(line.startswith("disk:") for line in plan_lines(settings, found, NOW))
    (line,) = (line for line in plan_lines(settings, found, NOW, {"unet": 50.0}) if line.startswith("disk:"))
    # Two run; of thirty beside the baseline some may go on from the first rung. The finalist, its best run and the
    # baseline's keep a quarter.
    paused = survivors(30, 3, FEWEST_SURVIVORS) + RESERVES if late_promotion else 0
    assert f"at most about {50 * (2 + paused) + 3 * 50 / 4:.0f} MB" in line
    assert f"2 running, {paused} paused, 3 that may win" in line


@pytest.mark.parametrize("scheduler", ["asha", "pasha"])
@pytest.mark.parametrize("objectives", [("miou",), ("miou", "parameters")])
@pytest.mark.parametrize("trials", [17, 40])
def test_no_more_trials_are_paused_at_once_than_the_plan_says(
    scheduler: str, objectives: tuple[str, ...], trials: int
) -> None:
    most = []
    for seed in range(4):
        settings = settings_for(trials, 1 + 3 * seed, scheduler=scheduler, objectives=objectives, seed=seed)
        counter = PausedCounter()
        simulate(
            settings,
            TypicalCurves.for_search(settings, seed=seed),
            Durations.of_steps({"unet": 1.0}),
            samplers={"unet": SameConfig()},
            on_event=counter.take,
        )
        most.append(counter.most)
    # One more is there for a moment, until the one whose place it takes is ended.
    assert 0 < max(most) <= paused_at_once(settings) + 1


def test_what_is_searched_is_named_once_for_all_that_search_it() -> None:
    settings = make_settings("unet,deeplabv3plus")
    lines = [line for line in plan_lines(settings, forecast(settings), NOW) if line.startswith("searched in ")]
    named = {name: line for line in lines for name in line.removeprefix("searched in ").split(":")[0].split(", ")}
    assert set(named) == {"unet", "deeplabv3plus"}
    for space in settings.searched_spaces():
        assert named[space.name].split(": ")[1].split(", ") == sorted(one.name for one in space.parameters)
