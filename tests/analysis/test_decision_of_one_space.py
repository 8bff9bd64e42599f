"""The verdict on one space: its best settings against its baseline."""

from dataclasses import replace

import pytest

from analysis.decision import (
    decide,
)
from analysis.decision_record import DEPLOYMENTS, Deployment
from tests.analysis.decision_studies import Points, ended, spread, study
from tests.analysis.example_results import with_validation


@pytest.mark.parametrize("difference", [3.0, 0.1, -3.0])
def test_one_space_is_compared_with_its_baseline(difference: float) -> None:
    decision = decide(study({("unet", "baseline"): [60.0] * 3, ("unet", "best"): spread(60 + difference, width=0.5)}))
    expected = {3.0: ("decided", "best"), 0.1: ("undecided", None), -3.0: ("decided", "baseline")}
    assert (decision.status, decision.settings_of) == expected[difference]
    if difference == 0.1:
        assert "make no provable difference" in decision.sentence


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_the_baseline_stays_when_nothing_better_was_found(deployment: Deployment) -> None:
    results = study({("unet", "baseline"): [60.0] * 3})
    decision = decide(with_validation(results, {"unet-0": 0.99}), deployment=deployment)
    assert (decision.status, decision.winner, decision.settings_of) == ("decided", "unet", "baseline")


def test_a_baseline_re_run_as_the_best_stays_too() -> None:
    results = study({("unet", "best"): [60.0] * 3, ("unet", "baseline"): [60.0] * 3})
    trials = results.trials.copy()
    trials.loc[trials["role"] == "best", "source_trial_id"] = "unet-0"
    decision = decide(replace(results, trials=trials))
    assert (decision.status, decision.settings_of) == ("decided", "baseline")


def test_a_baseline_that_broke_leaves_one_space_open() -> None:
    whole = study({("unet", "baseline"): [60.0] * 3, ("unet", "best"): spread(65)})
    decision = decide(ended(whole, "unet-baseline-seed0", "diverged"))
    assert decision.status == "undecided"
    assert "unet (baseline), seed 0 diverged" in decision.reason


def test_one_spaces_second_finalist_against_its_baseline() -> None:
    points: Points = {
        ("unet", "best"): [50.0] * 3,
        ("unet", "best-2"): spread(65.0),
        ("unet", "baseline"): [60.0] * 3,
    }
    results = with_validation(study(points), {f"unet-best-2-seed{seed}": 0.9 for seed in range(3)})
    decision = decide(results)
    assert (decision.status, decision.settings_of) == ("decided", "best-2")
    assert decision.pairs[0].challenger == "unet (best-2)"


def test_a_baseline_among_the_finalists_is_what_the_best_is_compared_with() -> None:
    points: Points = {("unet", "best"): [50.0] * 3, ("unet", "best-2"): spread(65.0)}
    results = study(points)
    trials = results.trials.copy()
    trials.loc[trials["role"] == "best-2", "source_trial_id"] = "unet-0"
    levels = {f"unet-best-seed{seed}": 0.9 for seed in range(3)}
    decision = decide(with_validation(replace(results, trials=trials), levels))
    assert decision.pairs[0].difference_points == pytest.approx(-15)
    assert (decision.status, decision.settings_of) == ("decided", "baseline")
    # Where the validation part chooses it, nothing better was found.
    levels = {f"unet-best-2-seed{seed}": 0.9 for seed in range(3)}
    decision = decide(with_validation(replace(results, trials=trials), levels))
    assert (decision.status, decision.settings_of, decision.pairs) == ("decided", "baseline", ())
