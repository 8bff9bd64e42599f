"""What every scheduler keeps, over whole simulated searches."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.schedulers.names import SCHEDULER_NAMES
from search.schedulers.registry import SCHEDULERS
from tests.search.simulated import EVALUATIONS, noisy_curves, outcome, run, run_with_cuts, settings_for

every_scheduler = pytest.mark.parametrize("scheduler", SCHEDULERS)
curve = st.lists(st.one_of(st.floats(0, 1), st.just(math.nan)), min_size=EVALUATIONS, max_size=EVALUATIONS)
REASONS = {
    "asha": {"completed", "pruned", "diverged"},
    "pasha": {"completed", "pruned", "diverged"},
    "patience": {"completed", "patience", "diverged"},
    "none": {"completed", "diverged"},
}


def test_the_names_of_the_option_are_the_registered_ones() -> None:
    assert tuple(SCHEDULERS) == SCHEDULER_NAMES


@every_scheduler
@given(curves=st.lists(curve, min_size=1, max_size=9), workers=st.integers(1, 9), late=st.booleans())
@settings(max_examples=10, deadline=None)
def test_every_trial_ends_for_a_reason_of_the_rule_whatever_the_curves(
    scheduler: str, curves: list[list[float]], workers: int, late: bool
) -> None:
    planned = settings_for(len(curves), workers, scheduler=scheduler, late_promotion=late)
    history = run(planned, curves).history
    assert len(history.trials) == len(curves)
    assert {trial.stop_reason for trial in history.trials.values()} <= REASONS[scheduler]
    assert not any(trial.paused for trial in history.trials.values())
    for number, trial in enumerate(history.trials.values()):
        assert (trial.stop_reason == "diverged") == math.isnan(sum(curves[number][: trial.step + 1])) or trial.ended


@every_scheduler
def test_the_same_search_decides_the_same(scheduler: str) -> None:
    planned = settings_for(20, 4, scheduler=scheduler)
    first, second = (outcome(run(planned, noisy_curves(20, seed=3)).history) for _ in range(2))
    assert first == second


@every_scheduler
@pytest.mark.parametrize("late", [True, False])
@given(cuts=st.lists(st.integers(1, 60), min_size=1, max_size=6), seed=st.integers(0, 5))
@settings(max_examples=6, deadline=None)
def test_a_resumed_search_makes_the_decisions_of_an_undisturbed_one(
    scheduler: str, late: bool, cuts: list[int], seed: int
) -> None:
    """With one worker the order of arrival is fixed."""
    planned = settings_for(14, 1, scheduler=scheduler, late_promotion=late, audit_fraction=0.3)
    curves = noisy_curves(14, seed)
    assert outcome(run_with_cuts(planned, curves, cuts)) == outcome(run(planned, curves).history)


@every_scheduler
def test_spaces_never_meet(scheduler: str) -> None:
    """A space's trials end as they do when it is searched alone, however good the other's are."""
    weak = noisy_curves(12, seed=1)
    alone = outcome(run(settings_for(12, 1, scheduler=scheduler), weak).history)
    both = run(settings_for(12, 1, "unet,deeplabv3plus", scheduler=scheduler), weak).history
    assert {name: end for name, end in outcome(both).items() if name.startswith("unet-")} == alone


@every_scheduler
def test_a_clearly_best_trial_is_trained_to_its_end_or_to_the_highest_rung_of_all(scheduler: str) -> None:
    curves = noisy_curves(16, seed=2)
    curves[11] = [0.8 + 0.005 * step for step in range(EVALUATIONS)]
    history = run(settings_for(16, 3, scheduler=scheduler), curves).history
    proposed = [trial for trial in history.trials.values() if trial.job.role == "proposed"]
    assert history.trials["unet-011"].step == max(trial.step for trial in proposed)


@every_scheduler
def test_an_evaluation_without_a_number_is_judged_as_worth_nothing(scheduler: str) -> None:
    from search.schedulers.registry import make_scheduler
    from search.schedulers.rule import Candidate
    from spaces.loading import load_space

    rule = make_scheduler(settings_for(2, 1, scheduler=scheduler))
    rule.added(Candidate(trial_id="a", space="unet", baseline=False, config=load_space("unet").baseline))
    for step in range(1, EVALUATIONS):
        assert rule.reported("a", step, math.nan) is not None
    rule.ended("a", "completed")
    assert rule.promotion("unet") is None
