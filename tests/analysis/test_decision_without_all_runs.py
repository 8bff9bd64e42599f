"""What is said where runs broke, are missing, or can't be compared."""

from dataclasses import replace

import pytest

from analysis.decision import decide
from analysis.decision_record import DEPLOYMENTS, Deployment
from analysis.results import SearchResults
from tests.analysis.decision_studies import PAIR, Points, ended, spread, study, two_finalists
from tests.analysis.example_results import make_results


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_unequal_starts_have_no_verdict(deployment: Deployment) -> None:
    points: Points = {"unet": [60.0] * 3, "deeplabv3plus": spread(70)}
    decision = decide(study(points, equal_starts=False), deployment=deployment)
    assert decision.status == "none"
    assert "started unequally" in decision.sentence
    assert decide(study({("unet", "best"): [60.0], ("unet", "baseline"): [1.0]}, equal_starts=False)).pairs


def test_an_interrupted_search_has_no_verdict_yet() -> None:
    none = decide(make_results(finalists=False))
    assert none.status == "none"
    assert "unet have not been run on the test part" in none.reason
    assert "esuming" in none.would_decide
    half = study({"unet": [60.0] * 3, "deeplabv3plus": spread(70)})
    half = replace(half, tests=tuple(test for test in half.tests if test.space == "unet"))
    assert "deeplabv3plus have not been run" in decide(half).reason
    alone = study({("unet", "best"): [60.0] * 3})
    assert "baseline of unet has not been run" in decide(alone).reason


def test_finalists_without_a_common_seed_are_not_compared() -> None:
    results = study({"unet": [60.0, 60.0], "deeplabv3plus": [70.0, 70.0]})
    kept = [test for test in results.tests if (test.seed == 0) == (test.space == "unet")]
    assert "no seed in common" in decide(replace(results, tests=tuple(kept))).reason


def test_unmeasured_networks_can_not_be_ordered() -> None:
    results = study({"unet": [60.0] * 3, "deeplabv3plus": spread(70)})
    trials = results.trials.copy()
    trials["parameters"] = float("nan")
    blind = replace(results, trials=trials, costs=results.costs.iloc[:0])
    assert "was not measured" in decide(blind).reason


def test_few_groups_are_warned_of() -> None:
    plenty = make_results()
    plenty.settings["preset"] = "full"
    assert decide(plenty).warnings == ()
    few = make_results(groups=("capture-1", "capture-2"))
    few.settings["data"]["split_by"] = "capture"
    assert "only 2 captures" in decide(few).warnings[0]


def test_trainings_of_a_demo_are_warned_of() -> None:
    results = make_results()
    results.settings.update(preset="demo", max_steps=120)
    assert "size of a demo, 120 steps" in decide(results).warnings[-1]


@pytest.mark.parametrize(
    ("stop_reason", "words"),
    [
        ("diverged", "seed 1 diverged"),
        ("out_of_memory", "seed 1 ran out of memory"),
        ("error", "seed 1 failed with an error"),
        ("stopped", "seed 1 was stopped by the user"),
    ],
)
@pytest.mark.parametrize("space", PAIR)
def test_a_finalist_whose_run_broke_leaves_its_comparison_open(space: str, stop_reason: str, words: str) -> None:
    whole = study({"unet": [60.0] * 3, "deeplabv3plus": spread(70)})
    assert decide(whole).status == "decided"
    decision = decide(ended(whole, f"{space}-best-seed1", stop_reason))
    assert (decision.status, decision.winner) == ("undecided", None)
    assert f"{space} (best), {words}" in decision.reason
    assert decision.would_decide.startswith("Settling the runs that broke")
    assert any(f"{space} (best), {words}" in warning for warning in decision.warnings)


def test_a_finalist_of_which_nothing_is_left_has_no_verdict_and_resuming_would_not_help() -> None:
    results = study({"unet": [60.0] * 2, "deeplabv3plus": [70.0] * 2})
    for seed, stop_reason in enumerate(("diverged", "error")):
        results = ended(results, f"unet-best-seed{seed}", stop_reason)
    decision = decide(results)
    assert decision.status == "none"
    assert "seed 0 diverged and seed 1 failed with an error" in decision.reason
    assert "esuming" not in decision.would_decide


@pytest.mark.parametrize("stop_reason", ["", "interrupted"])
def test_finalists_that_have_not_ended_ask_to_be_resumed(stop_reason: str) -> None:
    whole = study({"unet": [60.0] * 3, "deeplabv3plus": spread(70)})
    decision = decide(ended(whole, "unet-best-seed1", stop_reason))
    assert decision.status == "none"
    assert "unet (best)" in decision.reason
    assert "esuming" in decision.would_decide


def test_finalists_that_never_started_are_missed() -> None:
    whole = study({"unet": [60.0] * 3, "deeplabv3plus": spread(70)})
    whole = replace(whole, settings={**whole.settings, "finalist_seeds": 3})
    assert decide(whole).status == "decided"
    trials = whole.trials[whole.trials["trial_id"] != "deeplabv3plus-best-seed2"]
    tests = tuple(test for test in whole.tests if test.trial_id != "deeplabv3plus-best-seed2")
    decision = decide(replace(whole, trials=trials, tests=tests))
    assert decision.status == "none"
    assert "deeplabv3plus (best)" in decision.reason


@pytest.mark.parametrize(("split_by", "unit"), [("photo", "photo"), ("capture", "capture")])
def test_a_test_part_of_one_group_decides_nothing(split_by: str, unit: str) -> None:
    results = make_results(groups=("only",), accuracies={("unet", "best"): 0.99, ("deeplabv3plus", "best"): 0.5})
    results.settings["data"]["split_by"] = split_by
    decision = decide(results)
    assert decision.status == "undecided"
    assert f"More labelled {unit}s in the test part" in decision.would_decide
    assert all(pair.low_points is None for pair in decision.pairs)
    assert f"single {unit}" in decision.warnings[0]
    assert "no intervals" in decision.confidence


def test_finals_that_have_not_ended_have_no_verdict() -> None:
    results = two_finalists(50.0, 65.0, validation=(0.6, 0.7))
    decision = decide(ended(results, "unet-best-2-seed2", "interrupted"))
    assert decision.status == "none"
    assert "unet (best-2)" in decision.reason


def without_scores(*, stop_reason: str) -> SearchResults:
    """A search of which one space's trials have no score, and whose finals have not run."""
    results = make_results(spaces=PAIR, finalists=False)
    trials = results.trials.copy()
    own = trials["space"] == "unet"
    trials.loc[own, "stop_reason"] = stop_reason
    trials.loc[own, ["miou", "best_miou"]] = float("nan")
    return replace(results, trials=trials)


def test_a_space_whose_trials_all_failed_is_named_and_resuming_is_not_advised() -> None:
    decision = decide(without_scores(stop_reason="error"))
    assert (decision.status, decision.reason) == ("none", "no trial of unet reached a score.")
    assert "errors" in decision.would_decide
    waiting = decide(without_scores(stop_reason="interrupted"))
    assert "have not been run" in waiting.reason
    assert "Resuming" in waiting.would_decide


@pytest.mark.parametrize("seeds", [0, []])
def test_a_search_without_finals_says_so_and_resuming_is_not_advised(seeds: object) -> None:
    results = make_results(finalists=False)
    decision = decide(replace(results, settings={**results.settings, "finalist_seeds": seeds}))
    assert (decision.status, "no finals" in decision.reason) == ("none", True)
    assert "--finalist-seeds" in decision.would_decide
