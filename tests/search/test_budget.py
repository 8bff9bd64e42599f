"""Searches that fit a time, and spaces with the same device-seconds; on a simulated clock."""

import re

import pytest
from hypothesis import given as varied
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies

from search.budget import FEWEST_EVALUATIONS, FEWEST_TRIALS, MOST_TRIALS, RESERVE, Given, sized, with_equal_shares
from search.expected_steps import FixedSampler
from search.forecast import forecast
from search.grace import default_grace_steps
from search.pacing import MeasuredPace
from search.schedulers.rungs import rungs
from search.settings import SearchSettings
from search.simulation.simulator import Durations, simulate
from search.spending import devices_of, spending_of
from search.typical_curves import TypicalCurves
from spaces.errors import InputError
from spaces.loading import load_spaces
from tests.search.paces import make_pace
from tests.search.searching import make_settings

NOTHING = Given(trials=False, max_steps=False, eval_every=False, grace_steps=False)


def for_time(seconds: float, spaces: str = "unet", *, workers: int = 2, **changes: object) -> SearchSettings:
    """Settings of a search with a budget, 1,200 steps of a full training."""
    grace = max(default_grace_steps(space, max_steps=1200, eval_every=40) for space in load_spaces(spaces))
    settings = make_settings(
        spaces,
        budget_seconds=seconds,
        trials_per_space=24,
        max_steps=1200,
        eval_every=40,
        grace_steps=grace,
        rungs=rungs(grace, 1200, 40),
        late_promotion=True,
        **changes,
    )
    device = settings.device.model_copy(update={"concurrent_trials": workers})
    return settings.model_copy(update={"device": device})


def same_paces(settings: SearchSettings, step: float) -> dict[str, MeasuredPace]:
    return {space: make_pace(step) for space in settings.spaces}


@hypothesis_settings(max_examples=10, deadline=None, derandomize=True)
@varied(
    step=strategies.floats(0.01, 2.0),
    hours=strategies.floats(0.2, 48.0),
    workers=strategies.integers(1, 8),
    uncertainty=strategies.floats(0.0, 0.3),
    spaces=strategies.sampled_from(["unet", "unet,deeplabv3plus"]),
)
def test_the_budget_is_kept_on_the_simulated_clock(
    step: float, hours: float, workers: int, uncertainty: float, spaces: str
) -> None:
    settings = for_time(3600 * hours, spaces, workers=workers)
    paces = {
        space: make_pace(step * (1 + 2 * index), uncertainty=uncertainty) for index, space in enumerate(settings.spaces)
    }
    try:
        chosen, _ = sized(settings, paces, NOTHING)
    except InputError as error:
        needed = re.search(r"give (\d+)m or more", str(error))
        assert needed is not None
        assert 60 * int(needed[1]) > 3600 * hours
        # What the message says would fit does.
        enough = settings.model_copy(update={"budget_seconds": 60.0 * int(needed[1])})
        chosen, _ = sized(enough, paces, NOTHING)
        assert chosen.budget_seconds is not None
        hours = chosen.budget_seconds / 3600
    found = forecast(chosen, paces, seeds=3).seconds
    assert found is not None
    # Other curves than those that were planned with may take a little of the reserve.
    assert found.high <= 3600 * hours * (1 - 0.5 * RESERVE)
    assert chosen.trials_per_space >= FEWEST_TRIALS
    assert chosen.max_steps == 1200 or chosen.trials_per_space == FEWEST_TRIALS
    assert chosen.rungs == rungs(chosen.grace_steps, chosen.max_steps, chosen.eval_every)
    assert all(chosen.grace_steps <= rung < chosen.max_steps for rung in chosen.rungs)
    assert chosen.max_steps >= FEWEST_EVALUATIONS * chosen.eval_every


PACES = {"unet": make_pace(2.0)}


def budget_of(trials: int) -> float:
    """A budget that so many trials at full length just fit."""
    found = forecast(for_time(1.0).model_copy(update={"trials_per_space": trials}), PACES).seconds
    assert found is not None
    return found.high / (1 - RESERVE) + 1.0


def test_a_budget_is_used() -> None:
    budgets = [budget_of(trials) for trials in (10, 20, 40)] + [1e9]
    trials = [sized(for_time(seconds), PACES, NOTHING)[0].trials_per_space for seconds in budgets]
    assert trials == sorted(trials)
    assert trials[:3] == pytest.approx([10, 20, 40], rel=0.1)
    assert trials[3] == MOST_TRIALS


def test_time_that_is_used_up_is_missing() -> None:
    budget, spent = budget_of(40), budget_of(40) - budget_of(20)
    chosen, _ = sized(for_time(budget), PACES, NOTHING, spent_seconds=spent)
    assert chosen.trials_per_space < 30


def test_little_time_shortens_the_trainings_and_what_follows_from_their_length() -> None:
    chosen, lines = sized(for_time(0.5 * budget_of(FEWEST_TRIALS)), PACES, NOTHING)
    assert chosen.max_steps < 1200
    assert chosen.trials_per_space == FEWEST_TRIALS
    space = load_spaces("unet")[0]
    assert chosen.grace_steps == default_grace_steps(space, max_steps=chosen.max_steps, eval_every=chosen.eval_every)
    assert "shortened from 1200" in lines[0]
    assert "by simulation" in lines[1]


def test_what_is_given_is_kept_and_the_other_chosen() -> None:
    given = Given(trials=True, max_steps=False, eval_every=True, grace_steps=False)
    trials, _ = sized(for_time(0.9 * budget_of(24)), PACES, given)
    assert (trials.trials_per_space, trials.eval_every) == (24, 40)
    assert trials.max_steps < 1200
    given = Given(trials=False, max_steps=True, eval_every=False, grace_steps=True)
    length, _ = sized(for_time(budget_of(15)), PACES, given)
    assert (length.max_steps, length.grace_steps) == (1200, for_time(1.0).grace_steps)
    assert length.trials_per_space == pytest.approx(15, abs=1)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (NOTHING, "8 trials per space of 80 steps"),
        (Given(trials=True, max_steps=False, eval_every=False, grace_steps=False), "fewer --trials"),
        (Given(trials=False, max_steps=True, eval_every=False, grace_steps=False), "fewer --max-steps"),
    ],
)
def test_a_budget_that_nothing_fits_is_refused_in_one_line(given: Given, words: str) -> None:
    with pytest.raises(InputError, match=r"^--budget 1 min 00 s: .*give \d+m or more.*--finalist-seeds$") as refused:
        sized(for_time(60.0), {"unet": make_pace(5.0)}, given)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_search_that_got_fewer_trials_takes_fewer_from_another_one() -> None:
    configs = tuple({"dice_weight": number / 100} for number in range(7))
    settings = for_time(0.5 * budget_of(FEWEST_TRIALS)).model_copy(update={"warm_start": {"unet": configs}})
    chosen, lines = sized(settings, PACES, NOTHING)
    assert chosen.trials_per_space == FEWEST_TRIALS
    assert chosen.warm_start == {"unet": configs[:2]}
    assert "the first 2 of these 7" in lines[-1]
    enough = for_time(budget_of(24)).model_copy(update={"warm_start": {"unet": configs}})
    assert sized(enough, PACES, NOTHING)[0].warm_start == {"unet": configs}


def test_without_a_budget_or_equal_device_seconds_nothing_changes() -> None:
    settings = make_settings()
    assert sized(settings, {"unet": make_pace()}, NOTHING) == (settings, ())


def shared_search(workers: int, slow: float) -> tuple[SearchSettings, SearchSettings, dict[str, MeasuredPace]]:
    """A search with equal trials, the same with equal device-seconds, and how fast its spaces train."""
    spaces = "unet,deeplabv3plus"
    settings = for_time(1.0, spaces, workers=workers).model_copy(
        update={"budget_seconds": None, "equal": "device-seconds"}
    )
    paces = {"unet": make_pace(1.0), "deeplabv3plus": make_pace(slow)}
    chosen, _ = sized(settings, paces, NOTHING)
    return settings, chosen, paces


def test_shares_are_equal_and_as_large_as_equal_trials_would_cost() -> None:
    settings, chosen, paces = shared_search(workers=2, slow=3.0)
    share = chosen.device_seconds_per_space
    assert share is not None
    trials = forecast(settings.model_copy(update={"equal": "trials"}), paces).spaces
    costs = [part.device_seconds.mean for part in trials.values() if part.device_seconds is not None]
    assert 2 * share == pytest.approx(sum(costs), rel=0.03)
    assert chosen.trials_of("unet") > settings.trials_per_space > 2


def test_a_space_that_is_too_dear_still_gets_a_proposal_beside_its_baseline() -> None:
    settings, chosen, _ = shared_search(workers=2, slow=3.0)
    paces = {"unet": make_pace(0.1), "deeplabv3plus": make_pace(100.0)}
    small = settings.model_copy(update={"trials_per_space": 2})
    assert min((with_equal_shares(small, paces).trials_by_space or {}).values()) == 2
    assert chosen.trials_by_space is not None


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("slow", [1.0, 3.0, 8.0])
def test_in_simulation_spaces_spend_equal_device_seconds(workers: int, slow: float) -> None:
    _, chosen, paces = shared_search(workers, slow)
    durations = Durations(
        step={space: pace.mean.step for space, pace in paces.items()},
        evaluation={space: pace.mean.evaluation for space, pace in paces.items()},
        start={space: pace.mean.start for space, pace in paces.items()},
    )
    samplers = {space.name: FixedSampler(space.baseline) for space in chosen.searched_spaces()}
    curves = TypicalCurves(chosen.max_steps, seed=7, trials=40, learning=False)
    history = simulate(chosen, curves, durations, samplers=samplers).history
    spent = {space: phases["search"].device_seconds for space, phases in spending_of(history, chosen).items()}
    full = max(
        devices_of(chosen, space) * (chosen.max_steps * pace.mean.step + 30 * pace.mean.evaluation)
        for space, pace in paces.items()
    )
    assert abs(spent["unet"] - spent["deeplabv3plus"]) <= full
