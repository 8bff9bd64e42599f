"""What other rules would have cost: against the truth, on curves that are known to their ends."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.counterfactuals import counterfactuals, full_end, patience_end
from search.history import SearchHistory
from search.schedulers.registry import recipe_patience
from tests.search.known_curves import FLAT, RISING, SETTINGS, STEPS, make_history, make_trial

WAITING = recipe_patience(len(STEPS))


def true_patience(curve: Sequence[float]) -> int:
    """The step at which patience ends a training with this curve, written down naively."""
    for last in range(len(curve)):
        seen = [(-math.inf if math.isnan(miou) else miou) for miou in curve[: last + 1]]
        first_best = seen.index(max(seen)) if max(seen) > -math.inf else -1
        if last - first_best >= WAITING:
            return STEPS[last]
    return STEPS[-1]


curves = st.lists(
    st.one_of(st.floats(0, 1), st.sampled_from([0.25, 0.5, math.nan])), min_size=len(STEPS), max_size=len(STEPS)
)


@given(st.lists(st.tuples(curves, st.integers(0, len(STEPS))), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_the_bounds_hold_the_true_cost_of_patience_whatever_the_curves_and_wherever_they_are_cut_off(
    drawn: list[tuple[list[float], int]],
) -> None:
    trials = [make_trial(number, curve, cut) for number, (curve, cut) in enumerate(drawn)]
    found = counterfactuals(SETTINGS, make_history(*trials))
    assert found is not None
    truth = sum(true_patience(curve) for curve, _ in drawn)
    patience = found.patience
    assert patience.steps.low <= truth <= patience.steps.high <= found.full_budget.steps.high
    assert found.full_budget.steps.low == found.full_budget.steps.high == len(drawn) * STEPS[-1]
    assert found.steps == sum(trial.step for trial in trials)
    if patience.steps.estimate is not None:
        assert patience.steps.low - 1e-6 <= patience.steps.estimate <= patience.steps.high + 1e-6
    for trial, (curve, cut) in zip(trials, drawn, strict=True):
        end = patience_end(SETTINGS, trial, WAITING)
        assert end.low <= true_patience(curve) <= end.high
        if cut == len(STEPS):
            assert end.known
    if all(cut == len(STEPS) for _, cut in drawn):
        assert patience.steps.low == patience.steps.high == patience.steps.estimate == truth
        assert found.estimated_from is None


@given(curves, st.integers(0, len(STEPS)))
@settings(max_examples=100, deadline=None)
def test_the_lower_bound_of_a_cut_off_curve_is_met_by_some_continuation(curve: list[float], cut: int) -> None:
    """No trial could bound it tighter: the curve that never has a new best again ends right there."""
    end = patience_end(SETTINGS, make_trial(0, curve, cut), WAITING)
    worst = [*curve[:cut], *[math.nan] * (len(STEPS) - cut)] if cut else FLAT
    assert end.low == true_patience(worst)


def test_a_broken_trial_costs_what_it_cost_and_is_never_chosen() -> None:
    broken = make_trial(0, [0.9] * len(STEPS), 3, "diverged")
    whole = make_trial(1, RISING)
    found = counterfactuals(SETTINGS, make_history(broken, whole))
    assert found is not None
    assert full_end(SETTINGS, broken).high == STEPS[2]
    assert found.full_budget.steps.high == STEPS[2] + 100
    assert found.patience.steps.low == found.patience.steps.high == STEPS[2] + 100
    assert found.full_budget.chosen["unet"].trial_id == "unet-001"
    assert found.full_budget.chosen["unet"].certain


def test_a_trial_that_the_user_stopped_would_have_gone_on() -> None:
    stopped = make_trial(0, RISING, 3, "stopped")
    assert full_end(SETTINGS, stopped).high == 100
    assert patience_end(SETTINGS, stopped, WAITING).low == STEPS[2 + WAITING]


def test_patience_may_choose_otherwise_since_it_misses_a_late_rise() -> None:
    late = make_trial(0, [*[0.2] * (WAITING + 1), *[0.9] * (len(STEPS) - WAITING - 1)])
    steady = make_trial(1, RISING)
    found = counterfactuals(SETTINGS, make_history(late, steady))
    assert found is not None
    assert found.full_budget.chosen["unet"].trial_id == "unet-000"
    assert found.patience.chosen["unet"].trial_id == "unet-001"
    assert found.patience.chosen["unet"].certain


def test_with_a_cut_off_curve_the_choice_is_not_certain_but_exact_costs_stay_exact() -> None:
    found = counterfactuals(SETTINGS, make_history(make_trial(0, RISING), make_trial(1, RISING, 2)))
    assert found is not None
    assert not found.full_budget.chosen["unet"].certain
    assert found.patience.exact_trials == 1
    assert "between" in found.sentence


def test_an_open_end_is_estimated_from_audited_trials_of_its_space_where_there_are_any() -> None:
    audited = make_trial(1, FLAT)
    audited.audited_at = 16
    cut = make_trial(2, RISING, 2)
    found = counterfactuals(SETTINGS, make_history(make_trial(0, RISING), audited, cut))
    assert found is not None
    assert found.estimated_from == "audited"
    # The audited one ends at once without a new best, and the cut-off one can't end as soon as that.
    assert found.patience.steps.estimate == 100 + STEPS[WAITING] + STEPS[1 + WAITING]
    audited.audited_at = None
    found = counterfactuals(SETTINGS, make_history(make_trial(0, RISING), audited, cut))
    assert found is not None
    assert found.estimated_from == "completed"
    assert found.patience.steps.estimate == 100 + STEPS[WAITING] + (100 + STEPS[1 + WAITING]) / 2


def test_without_any_whole_curve_of_the_space_nothing_is_estimated() -> None:
    found = counterfactuals(SETTINGS, make_history(make_trial(0, RISING, 3), make_trial(1, RISING, 2)))
    assert found is not None
    assert found.estimated_from is None
    assert found.patience.steps.estimate is None


def test_each_trial_counts_device_seconds_at_its_own_pace() -> None:
    cores = {"unet": 4.0}
    changed = SETTINGS.model_copy(update={"device": SETTINGS.device.model_copy(update={"cpus_per_trial": cores})})
    unevaluated = make_trial(1, RISING, 0)
    found = counterfactuals(changed, make_history(make_trial(0, RISING), unevaluated))
    assert found is not None
    assert found.device_seconds == pytest.approx(100 * 3 * 4)
    assert found.full_budget.device_seconds is not None
    assert found.full_budget.device_seconds.high == pytest.approx(200 * 3 * 4)


def test_without_timings_there_are_no_device_seconds_and_without_trials_nothing() -> None:
    trial = make_trial(0, RISING)
    for report in trial.reports.values():
        del report["train_seconds"], report["evaluation_seconds"]
    found = counterfactuals(SETTINGS, make_history(trial))
    assert found is not None
    assert found.device_seconds is None
    assert found.patience.device_seconds is None
    assert counterfactuals(SETTINGS, SearchHistory()) is None
