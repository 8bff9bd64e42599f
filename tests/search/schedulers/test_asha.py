"""Successive halving: who goes on from a rung, whatever the order in which trials arrive."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.schedulers.asha import FEWEST_ON_A_FRONT, Asha
from search.schedulers.comparison import FEWEST_SURVIVORS, survivors
from search.schedulers.rule import Action, Candidate
from search.schedulers.rungs import rung_score
from search.schedulers.settings import SchedulerSettings
from search.schedulers.winning_chances import WinningChances
from spaces.loading import load_space
from tests.search.simulated import RUNGS, noisy_curves, outcome, run, settings_for

CONFIG = load_space("unet").baseline


def make_asha(
    trials: int = 12, *, late: bool = True, rungs: tuple[int, ...] = (1,), curve_prediction: bool = False
) -> Asha:
    return Asha(
        SchedulerSettings(
            rungs=rungs,
            reduction_factor=3,
            max_steps=9,
            eval_every=1,
            trials={"unet": trials},
            late_promotion=late,
            curve_prediction=curve_prediction,
        )
    )


def add(rule: Asha, name: str, space: str = "unet", costs: tuple[float, ...] = ()) -> None:
    rule.added(Candidate(trial_id=name, space=space, baseline=False, config=CONFIG, costs=costs))


def promote_all(rule: Asha) -> list[str]:
    """Let all go on that may, and say who they are."""
    on = []
    while (name := rule.promotion("unet")) is not None:
        rule.promoted(name)
        on.append(name)
    return on


@given(workers=st.integers(1, 40), seed=st.integers(0, 20))
@settings(max_examples=10, deadline=None)
def test_who_goes_on_from_a_rung_does_not_depend_on_the_number_of_workers(workers: int, seed: int) -> None:
    """Only when the hopeless end, before the first rung, depends on who came before them."""
    curves = noisy_curves(32, seed)

    def beyond_grace(workers: int) -> dict[str, tuple[str | None, int]]:
        ends = outcome(run(settings_for(32, workers), curves).history)
        return {name: (reason, max(step, RUNGS[0])) for name, (reason, step) in ends.items()}

    assert beyond_grace(workers) == beyond_grace(1)


@pytest.mark.parametrize("trials", [5, 13, 32, 64])
def test_the_best_third_of_a_rung_and_one_more_go_on_and_nobody_else(trials: int) -> None:
    curves = noisy_curves(trials, seed=trials)
    history = run(settings_for(trials, 4), curves).history
    arrived = set(range(1, trials))
    for rung in RUNGS:
        scores = {number: rung_score(curves[number][:rung]) for number in arrived}
        if rung > RUNGS[0]:
            assert all(history.trials[f"unet-{number:03d}"].step >= rung for number in arrived)
        count = min(len(arrived), max(FEWEST_SURVIVORS, round(len(arrived) / 3) + 1))
        arrived = set(sorted(arrived, key=lambda number: -scores[number])[:count])
        on = {n for n in scores if history.trials[f"unet-{n:03d}"].step > rung}
        assert on == arrived


def test_the_first_trials_of_a_rung_do_not_pass_unjudged() -> None:
    """With late promotion the first arrival waits, though it is the best of those that arrived."""
    waits, passes = make_asha(), make_asha(late=False)
    for rule in (waits, passes):
        add(rule, "first")
    assert waits.reported("first", 1, 0.1).action == Action.PAUSE
    assert passes.reported("first", 1, 0.1).action == Action.CONTINUE


def test_a_paused_trial_goes_on_when_the_cut_is_certain_to_lie_below_it() -> None:
    rule = make_asha(trials=9)
    add(rule, "good")
    rule.reported("good", 1, 0.5)
    for number in range(8):
        assert rule.promotion("unet") == ("good" if number > 4 else None)
        add(rule, f"bad-{number}")
        rule.reported(f"bad-{number}", 1, 0.1 + number / 100)
    assert rule.promotion("unet") == "good"


def test_fewer_trials_than_planned_let_those_go_on_that_are_there() -> None:
    rule = make_asha(trials=30)
    add(rule, "only")
    assert rule.reported("only", 1, 0.5).action == Action.PAUSE
    assert rule.promotion("unet") is None
    rule.exhausted("unet")
    assert rule.promotion("unet") == "only"


def test_a_trial_that_cannot_go_on_any_more_ends_at_once() -> None:
    rule = make_asha(trials=12)
    for number in range(12):
        add(rule, str(number))
    actions = [rule.reported(str(number), 1, 0.9 - number / 100).action for number in range(12)]
    # Of twelve, five go on and one is held in reserve; the first are certain only when few can still come.
    assert actions[-1] == Action.STOP
    assert Counter(actions)[Action.STOP] == 12 - 5 - 1
    assert rule.eliminated() == ()


def test_a_reserve_takes_the_place_of_a_trial_that_broke() -> None:
    rule = make_asha(trials=12)
    for number in range(12):
        add(rule, str(number))
    for number in range(12):
        if rule.reported(str(number), 1, 0.9 - number / 100).action == Action.STOP:
            rule.ended(str(number), "pruned")
    on = []
    while (name := rule.promotion("unet")) is not None:
        rule.promoted(name)
        on.append(name)
    assert sorted(on) == ["0", "1", "2", "3", "4"]
    rule.ended("2", "out_of_memory")
    assert rule.promotion("unet") == "5"


@pytest.mark.parametrize("broken", [1, 2, 3])
def test_places_of_trials_that_end_while_they_wait_go_to_others_and_nobody_is_waited_for(broken: int) -> None:
    """Of six, three may go on and one is held in reserve; the user stops the best ones where they wait."""
    rule = make_asha(trials=6, rungs=(1, 2))
    for number in range(6):
        add(rule, str(number))
    for number in range(6):
        if rule.reported(str(number), 1, 0.9 - number / 100).action == Action.STOP:
            rule.ended(str(number), "pruned")
    for number in range(broken):
        rule.ended(str(number), "stopped")
    on = promote_all(rule)
    assert on == [str(number) for number in range(broken, 4)]
    actions = [rule.reported(name, 2, 0.9 - int(name) / 100).action for name in on]
    passed = [name for name, action in zip(on, actions, strict=True) if action == Action.CONTINUE]
    # Two go on from the second rung, if as many came: nobody waits there for one who can't come any more.
    assert passed + promote_all(rule) == on[: survivors(len(on), 3)]


def test_nobody_waits_for_the_place_of_a_trial_that_its_predicted_end_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of nine, four may go on; one of these can't win and leaves its place empty."""
    monkeypatch.setattr(WinningChances, "can_still_win", lambda chances, space, trial_id: trial_id != "1")
    rule = make_asha(trials=9, rungs=(1, 2), curve_prediction=True)
    for number in range(9):
        add(rule, str(number))
    left = [str(number) for number in reversed(range(9))]
    for step, going_on in ((1, ["0", "2", "3"]), (2, ["0", "2"])):
        actions = {name: rule.reported(name, step, 0.9 - int(name) / 100).action for name in left}
        for name, action in actions.items():
            if action == Action.STOP:
                rule.ended(name, "pruned")
        left = sorted([name for name, action in actions.items() if action == Action.CONTINUE] + promote_all(rule))
        assert left == going_on


@pytest.mark.parametrize("late", [True, False])
def test_a_trial_that_is_worth_nothing_ends_at_its_rung_though_no_better_one_has_come(late: bool) -> None:
    rule = make_asha(trials=2, late=late)
    add(rule, "broken")
    assert rule.reported("broken", 1, math.nan).action == Action.STOP


def test_baselines_are_never_judged() -> None:
    history = run(settings_for(20, 4), [[0.0] * 27, *noisy_curves(19, seed=0)]).history
    assert outcome(history)["unet-000"] == ("completed", 27)


def test_without_late_promotion_the_best_third_of_those_before_goes_on() -> None:
    rule = make_asha(late=False)
    values = [0.5, 0.6, 0.4, 0.55, 0.3, 0.2, 0.59]
    actions = []
    for number, value in enumerate(values):
        add(rule, str(number))
        actions.append(rule.reported(str(number), 1, value).action)
    # Best ceil(n / 3) of n: with four values the two best stay, with seven the three best.
    stays, stops = Action.CONTINUE, Action.STOP
    assert actions == [stays, stays, stops, stays, stops, stops, stays]


def test_a_trial_is_judged_at_the_first_evaluation_at_or_after_its_rung() -> None:
    rule = make_asha(rungs=(3,))
    add(rule, "a")
    assert rule.reported("a", 2, 0.1).rung is None
    assert rule.reported("a", 4, 0.1).rung == 3
    assert rule.reported("a", 5, 0.1).rung is None


def test_one_lucky_evaluation_does_not_carry_a_trial() -> None:
    assert rung_score([0.1, 0.2, 0.2, 0.7]) < rung_score([0.1, 0.5, 0.5, 0.5])


@given(st.lists(st.one_of(st.floats(0, 1), st.just(math.nan), st.just(math.inf)), max_size=6))
def test_a_score_is_within_the_last_finite_values_or_worth_nothing(mious: list[float]) -> None:
    finite = [value for value in mious[-2:] if math.isfinite(value)]
    score = rung_score(mious)
    assert min(finite) - 1e-12 <= score <= max(finite) + 1e-12 if finite else score == -math.inf


def test_with_costs_spaces_meet_and_the_cheap_and_the_good_go_on() -> None:
    rule = Asha(
        SchedulerSettings(
            rungs=(1,),
            reduction_factor=3,
            max_steps=9,
            eval_every=1,
            trials={"light": 6, "heavy": 6},
            costs=("parameters",),
        )
    )
    for number in range(6):
        add(rule, f"light-{number}", "light", (1.0,))
        add(rule, f"heavy-{number}", "heavy", (10.0,))
    for number in range(6):
        for name, value in ((f"light-{number}", 0.3), (f"heavy-{number}", 0.6)):
            if rule.reported(name, 1, value - number / 100).action == Action.STOP:
                rule.ended(name, "pruned")
    on = []
    while (found := rule.promotion("light") or rule.promotion("heavy")) is not None:
        rule.promoted(found)
        on.append(found)
    assert {"light-0", "heavy-0"} <= set(on)
    assert len(on) == FEWEST_ON_A_FRONT
