"""One definition of the best trial, wherever it is named."""

import pytest

from analysis.best_trials import best_trials
from analysis.figures.learning_curves import learning_curves_data
from analysis.page.against_baseline import make_pairs
from analysis.page.cards import make_cards
from analysis.results import SearchResults
from tests.analysis.example_results import make_results


def one_space(*, finalists: bool = False) -> SearchResults:
    return make_results(spaces=("unet",), finalists=finalists)


def change(results: SearchResults, trial_id: str, **values: object) -> None:
    for name, value in values.items():
        results.trials.loc[results.trials["trial_id"] == trial_id, name] = value


@pytest.mark.parametrize("stop_reason", ["pruned", "interrupted", "stopped"])
def test_a_trial_stopped_early_is_not_the_best_while_one_ran_to_its_end(stop_reason: str) -> None:
    results = one_space()
    change(results, "unet-2", best_miou=0.99, stop_reason=stop_reason)
    assert best_trials(results)["unet"]["trial_id"] == "unet-1"
    change(results, "unet-2", stop_reason="patience")
    assert best_trials(results)["unet"]["trial_id"] == "unet-2"


def test_without_one_that_ran_to_its_end_the_furthest_trained_is_the_best() -> None:
    results = one_space()
    results.trials["stop_reason"] = "interrupted"
    change(results, "unet-2", best_miou=0.99)
    # Both of 120 steps; the better of them.
    assert best_trials(results)["unet"]["trial_id"] == "unet-1"


def test_the_finalists_say_which_trial_they_were_taken_from() -> None:
    results = one_space(finalists=True)
    change(results, "unet-0", best_miou=0.99)
    assert best_trials(results)["unet"]["trial_id"] == "unet-1"


def test_the_page_names_the_same_trial_everywhere() -> None:
    results = one_space()
    change(results, "unet-2", best_miou=0.99)
    assert make_cards(results, ("unet",), None)[0].best_trial == "unet-1"
    assert make_pairs(results, ("unet",))[0].best == "unet-1"
    curves = learning_curves_data(results)
    assert set(curves["trial_id"][curves["kind"] == "best"]) == {"unet-1"}
