"""The contract of every stopping rule, and what each does by itself."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.schedulers.asha import Asha, rungs
from search.schedulers.patience import Patience
from search.schedulers.registry import SCHEDULERS, SchedulerSettings

SETTINGS = SchedulerSettings(rungs=(10, 30), reduction_factor=3, evaluations=9)
every_scheduler = pytest.mark.parametrize("name", SCHEDULERS)

curves = st.lists(st.lists(st.floats(0, 1), min_size=9, max_size=9), min_size=1, max_size=12)


def decisions(name: str, values: list[list[float]], space: str = "a") -> list[str | None]:
    """Run trials one after another; the reason each one stops for, None for the end."""
    rule = SCHEDULERS[name](SETTINGS)
    reasons: list[str | None] = []
    for number, curve in enumerate(values):
        reports: dict[int, float] = {}
        reason = None
        for index, value in enumerate(curve):
            reports[10 * (index + 1)] = value
            reason = rule.decide(space, f"{space}-{number}", reports).stop_reason
            if reason:
                break
        reasons.append(reason)
    return reasons


@every_scheduler
@given(values=curves)
def test_the_same_reports_give_the_same_decisions(name: str, values: list[list[float]]) -> None:
    assert decisions(name, values) == decisions(name, values)


@every_scheduler
@given(values=curves)
def test_a_stop_has_the_rules_reason(name: str, values: list[list[float]]) -> None:
    allowed = {"asha": {"pruned"}, "patience": {"patience"}, "none": set()}[name]
    assert {reason for reason in decisions(name, values) if reason} <= allowed


@every_scheduler
def test_a_better_trial_is_never_stopped_by_a_worse_one(name: str) -> None:
    worse = [0.01 * step for step in range(1, 10)]
    better = [0.5 + value for value in worse]
    assert decisions(name, [worse, better])[1] is None


@every_scheduler
def test_spaces_never_meet(name: str) -> None:
    rule = SCHEDULERS[name](SETTINGS)
    for number in range(5):
        rule.decide("fast", f"fast-{number}", {10: 0.9})
    assert rule.decide("slow", "slow-0", {10: 0.1}).stop_reason is None


def test_asha_keeps_the_best_third_at_a_rung() -> None:
    rule = Asha((10,), 3)
    values = [0.5, 0.6, 0.4, 0.55, 0.3, 0.2, 0.59]
    stopped = [rule.decide("a", str(i), {10: value}).stop_reason is not None for i, value in enumerate(values)]
    # Best ceil(n / 3) of n: with four values the two best stay, with seven the three best.
    assert stopped == [False, False, True, False, True, True, False]


def test_asha_judges_at_rungs_alone_and_says_by_what() -> None:
    rule = Asha((20,), 2)
    assert rule.decide("a", "0", {10: 0.1}).rung is None
    rule.decide("a", "0", {10: 0.1, 20: 0.5})
    verdict = rule.decide("a", "1", {20: 0.4})
    assert (verdict.stop_reason, verdict.rung, verdict.cutoff) == ("pruned", 20, 0.5)


def test_a_repeated_evaluation_counts_once_at_its_rung() -> None:
    rule = Asha((10,), 3)
    for _ in range(5):
        assert rule.decide("a", "same", {10: 0.5}).stop_reason is None
    assert rule.decide("a", "other", {10: 0.4}).stop_reason == "pruned"


@given(grace=st.integers(1, 500), most=st.integers(1, 5000), factor=st.integers(2, 5), every=st.integers(1, 100))
def test_rungs_are_evaluations_below_the_end_and_rise_by_the_factor(
    grace: int, most: int, factor: int, every: int
) -> None:
    found = rungs(grace, most, factor, every)
    assert all(rung % every == 0 and grace <= rung < most for rung in found)
    assert all(later > earlier for earlier, later in pairwise(found))
    assert len(found) <= 1 + max(0.0, math.log(most / grace, factor)) if grace < most else not found


def test_patience_counts_from_the_best_evaluation() -> None:
    rule = Patience(2)
    reports = {10: 0.1, 20: 0.5, 30: 0.4}
    assert rule.decide("a", "0", reports).stop_reason is None
    assert rule.decide("a", "0", reports | {40: 0.5}).stop_reason == "patience"
    assert rule.decide("a", "0", reports | {40: 0.6}).stop_reason is None


def test_the_recipes_patience_is_40_of_150_evaluations() -> None:
    rule = SCHEDULERS["patience"](SchedulerSettings(rungs=(), reduction_factor=3, evaluations=150))
    falling = {step: 1.0 - step / 1000 for step in range(1, 41)}
    assert rule.decide("a", "0", falling).stop_reason is None
    assert rule.decide("a", "0", falling | {41: 0.1}).stop_reason == "patience"
