"""What every scheduler keeps, over whole simulated searches."""

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.controller import SearchController
from search.history import SearchHistory
from search.schedulers.names import SCHEDULER_NAMES
from search.schedulers.registry import SCHEDULERS
from tests.search.simulated import (
    EVALUATIONS,
    RUNGS,
    SameConfig,
    noisy_curves,
    outcome,
    run,
    run_with_cuts,
    settings_for,
)
from trainables.journal import Event

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
@pytest.mark.parametrize("miou", [math.nan, math.inf, None])
def test_evaluations_without_a_number_are_worth_nothing_and_end_a_trial_where_rules_end_the_worst(
    scheduler: str, miou: float | None
) -> None:
    """NaN, infinite or missing: what a rung or patience stops, it stops then, too."""
    planned = settings_for(12, 1, scheduler=scheduler)
    events: list[Event] = []

    def append(event: str, *, wait: bool = True, **content: Any) -> Event:
        events.append({"event": event, "time": 0.0, **content})
        return events[-1]

    controller = SearchController(planned, SearchHistory(), append, samplers={"unet": SameConfig()})
    controller.begin_phase("search")
    curves = noisy_curves(12, seed=4)
    while (job := controller.next_trial()) is not None:
        controller.started(job.trial_id)
        goes_on = True
        while goes_on:
            step = controller.history.trials[job.trial_id].step + 1
            metrics = {"step": step, "miou": curves[int(job.trial_id[-3:])][step - 1]}
            if job.trial_id == "unet-007":
                metrics = {"step": step} if miou is None else {"step": step, "miou": miou}
            goes_on = controller.reported(job.trial_id, metrics)
    assert controller.phase_done()
    broken = controller.history.trials["unet-007"]
    ends = {"asha": ("pruned", RUNGS[0]), "pasha": ("pruned", RUNGS[0]), "patience": ("patience", 7)}
    assert (broken.stop_reason, broken.step) == ends.get(scheduler, ("completed", EVALUATIONS))
    assert broken.best_miou is None


@every_scheduler
def test_global_generators_are_neither_asked_nor_changed(scheduler: str) -> None:
    before = random.getstate(), str(np.random.get_state())
    run(settings_for(6, 2, scheduler=scheduler), noisy_curves(6, seed=1))
    assert (random.getstate(), str(np.random.get_state())) == before
