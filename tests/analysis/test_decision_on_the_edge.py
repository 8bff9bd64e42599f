"""The verdict for an edge device: the lightest model that keeps its budgets."""

from dataclasses import replace

import pytest

from analysis.decision import (
    Budgets,
    decide,
)
from tests.analysis.decision_studies import ended, spread, study, two_finalists


@pytest.mark.parametrize(
    ("budgets", "winner"),
    [
        (Budgets(), "unet"),
        (Budgets(max_latency_ms=23.2), "unet"),
        (Budgets(max_latency_ms=23.0), None),
        (Budgets(max_parameters=3e6), None),
        (Budgets(max_memory_mb=400, max_latency_ms=1000), "unet"),
    ],
)
def test_edge_takes_the_lightest_that_fits(budgets: Budgets, winner: str | None) -> None:
    results = study({"unet": [60.0] * 3, "unetplusplus": spread(75), "deeplabv3plus": spread(80)})
    decision = decide(results, deployment="edge", budgets=budgets)
    assert decision.winner == winner
    assert decision.status == ("decided" if winner else "none")


def test_edge_passes_over_a_light_network_that_is_too_slow() -> None:
    results = study({"unet": [60.0] * 3, "deeplabv3plus": spread(80)})
    trials = results.trials.copy()
    trials.loc[trials["space"] == "unet", "latency_ms_p90"] = 500.0
    decision = decide(replace(results, trials=trials), deployment="edge", budgets=Budgets(max_latency_ms=200))
    assert decision.winner == "deeplabv3plus"


def test_an_unmeasured_cost_holds_no_budget() -> None:
    results = study({"unet": [60.0] * 3, "deeplabv3plus": spread(80)})
    trials = results.trials.copy()
    trials.loc[trials["space"] == "unet", "peak_memory_mb"] = float("nan")
    decision = decide(replace(results, trials=trials), deployment="edge", budgets=Budgets(max_memory_mb=10_000))
    assert decision.winner == "deeplabv3plus"


def test_one_space_on_an_edge_device_that_it_does_not_fit() -> None:
    results = study({("unet", "best"): [60.0] * 3, ("unet", "baseline"): [60.0] * 3})
    decision = decide(results, deployment="edge", budgets=Budgets(max_parameters=10))
    assert decision.status == "none"
    assert "max_parameters 10" in decision.reason


def test_a_verdict_by_weight_says_which_runs_of_its_winner_broke() -> None:
    whole = study({"unet": [60.0] * 3, "deeplabv3plus": spread(70)})
    decision = decide(ended(whole, "unet-best-seed2", "diverged"), deployment="edge")
    assert (decision.status, decision.winner) == ("decided", "unet")
    assert decision.sentence.endswith("Of the finalist unet (best), seed 2 diverged.")
    assert "seed 2 diverged" in decision.warnings[0]


def test_on_an_edge_device_the_finalist_that_fits_stands_for_its_space() -> None:
    results = two_finalists(50.0, 65.0, validation=(0.7, 0.6))
    trials = results.trials.copy()
    trials.loc[(trials["role"] == "best-2") | (trials["trial_id"] == "unet-2"), "parameters"] = 2_000_000
    small = replace(results, trials=trials)
    budgets = Budgets(max_parameters=3_000_000)
    decision = decide(small, deployment="edge", budgets=budgets)
    assert (decision.winner, decision.settings_of) == ("unet", "best-2")
    assert decide(small, deployment="edge").settings_of == "best"
    assert decide(results, deployment="edge", budgets=budgets).status == "none"
