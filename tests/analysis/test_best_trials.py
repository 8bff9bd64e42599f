"""One definition of the best trial, wherever it is named."""

from dataclasses import replace

import pytest

from analysis.best_trials import best_trials
from analysis.figures.learning_curves import learning_curves_data
from analysis.page.against_baseline import make_pairs
from analysis.page.cards import make_cards
from analysis.results import SearchResults
from tests.analysis.example_results import SEEDS, make_results, with_validation


def one_space(*, finalists: bool = False) -> SearchResults:
    return make_results(spaces=("unet",), finalists=finalists)


def ended(results: SearchResults, trial_id: str, stop_reason: str) -> SearchResults:
    trials = results.trials.copy()
    trials.loc[trials["trial_id"] == trial_id, "stop_reason"] = stop_reason
    return replace(results, trials=trials)


@pytest.mark.parametrize("stop_reason", ["pruned", "interrupted", "stopped"])
def test_a_trial_stopped_early_is_not_the_best_while_one_ran_to_its_end(stop_reason: str) -> None:
    results = with_validation(one_space(), {"unet-2": 0.99})
    assert best_trials(ended(results, "unet-2", stop_reason))["unet"]["trial_id"] == "unet-1"
    assert best_trials(ended(results, "unet-2", "patience"))["unet"]["trial_id"] == "unet-2"


def test_one_lucky_evaluation_makes_no_best_trial() -> None:
    results = with_validation(one_space(), {"unet-0": 0.6, "unet-1": 0.5})
    curves = results.curves.copy()
    lucky = curves.index[curves["trial_id"] == "unet-1"][3]
    curves.loc[lucky, "miou"] = 0.61
    assert best_trials(replace(results, curves=curves))["unet"]["trial_id"] == "unet-0"


def test_without_a_curve_the_highest_evaluation_counts() -> None:
    results = with_validation(one_space(), {"unet-0": 0.6, "unet-1": 0.5})
    curves = results.curves[results.curves["trial_id"] != "unet-1"]
    trials = results.trials.copy()
    trials.loc[trials["trial_id"] == "unet-1", "best_miou"] = 0.7
    assert best_trials(replace(results, trials=trials, curves=curves))["unet"]["trial_id"] == "unet-1"


def test_without_one_that_ran_to_its_end_the_furthest_trained_is_the_best() -> None:
    results = with_validation(one_space(), {"unet-2": 0.99})
    results.trials["stop_reason"] = "interrupted"
    # Both of 120 steps; the better of them.
    assert best_trials(results)["unet"]["trial_id"] == "unet-1"


def test_the_finalists_say_which_trial_they_were_taken_from() -> None:
    results = with_validation(one_space(finalists=True), {"unet-0": 0.99})
    assert best_trials(results)["unet"]["trial_id"] == "unet-1"


def test_of_several_finalists_the_one_that_stands_for_the_space_says_it() -> None:
    results = make_results(spaces=("unet",), ranks=2)
    assert best_trials(results)["unet"]["trial_id"] == "unet-1"
    results = with_validation(results, {f"unet-best-2-seed{seed}": 0.9 for seed in SEEDS})
    assert best_trials(results)["unet"]["trial_id"] == "unet-2"


def test_the_page_names_the_same_trial_everywhere() -> None:
    results = with_validation(one_space(), {"unet-2": 0.99})
    assert make_cards(results, ("unet",), None)[0].best_trial == "unet-1"
    assert make_pairs(results, ("unet",))[0].best == "unet-1"
    curves = learning_curves_data(results)
    assert set(curves["trial_id"][curves["kind"] == "best"]) == {"unet-1"}
