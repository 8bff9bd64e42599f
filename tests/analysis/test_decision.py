import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from analysis.comparison import half_width
from analysis.decision import (
    HEAVIER_ABOVE_POINTS,
    LIGHTER_BELOW_POINTS,
    Budgets,
    better_by_interval,
    decide,
    preferred,
)
from analysis.decision_record import DEPLOYMENTS, Deployment
from analysis.results import SearchResults, TestEvaluation
from tests.analysis.example_results import make_results, with_validation

PAIR = ("unet", "deeplabv3plus")
ALL = ("unet", "unetplusplus", "deeplabv3plus")
GROUPS = tuple(f"photo{index}" for index in range(6))
PIXELS = 100_000
Points = Mapping[str | tuple[str, str], Sequence[float]]


def study(points: Points, *, equal_starts: bool = True) -> SearchResults:
    """A search whose finalists have exactly these mIoU, in points, seed by seed; (space, role) or a space's best."""
    named = {key if isinstance(key, tuple) else (key, "best"): values for key, values in points.items()}
    spaces = tuple(dict.fromkeys(space for space, _ in named))
    tests = []
    for (space, role), values in named.items():
        for seed, value in enumerate(values):
            hits = round(value / 100 * PIXELS)
            one = np.array([[PIXELS, 0], [PIXELS - hits, hits]], dtype=np.int64)
            confusion = np.repeat(one[None], len(GROUPS), axis=0)
            tests.append(TestEvaluation(f"{space}-{role}-seed{seed}", space, role, seed, GROUPS, confusion))
    results = make_results(spaces=spaces, seeds=(0, 1, 2, 3), ranks=2, equal_starts=equal_starts)
    # No finalist without an evaluation: they are no part of the study.
    trials = results.trials[(results.trials["phase"] == "search") | results.trials["trial_id"].isin(ids_of(tests))]
    return replace(results, trials=trials.reset_index(drop=True), tests=tuple(tests))


def ids_of(tests: Sequence[TestEvaluation]) -> list[str]:
    return [test.trial_id for test in tests]


def ended(results: SearchResults, trial_id: str, stop_reason: str) -> SearchResults:
    """The same study with one finalist's run ended otherwise, and therefore without its evaluation."""
    trials = results.trials.copy()
    assert trial_id in set(trials["trial_id"])
    trials.loc[trials["trial_id"] == trial_id, "stop_reason"] = stop_reason
    return replace(results, trials=trials, tests=tuple(test for test in results.tests if test.trial_id != trial_id))


def spread(mean: float, width: float = 0.1) -> list[float]:
    """Three seeds: with another space's seeds all equal, the interval is mean +- 2.484 width."""
    return [mean - width, mean, mean + width]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-3.0, -1.0, "lighter"),
        (0.0, 1.999, "lighter"),
        (0.0, 2.0, None),
        (1.9, 2.1, None),
        (2.1, 4.9, None),
        (1.0, 9.0, None),
        (4.9, 6.0, None),
        (5.0, 6.0, None),
        (5.001, 6.0, "heavier"),
        (None, None, None),
    ],
)
def test_bounds_apply_to_the_whole_interval(low: float | None, high: float | None, expected: str | None) -> None:
    assert preferred(low, high) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.1, 1.0, "challenger"),
        (0.0, 1.0, None),
        (-1.0, 1.0, None),
        (-1.0, -0.1, "reference"),
        (None, None, None),
    ],
)
def test_accuracy_decides_when_the_interval_excludes_0(
    low: float | None, high: float | None, expected: str | None
) -> None:
    assert better_by_interval(low, high) == expected


@pytest.mark.parametrize(
    ("difference", "winner"),
    [(-4.0, "unet"), (1.0, "unet"), (2.1, None), (3.5, None), (4.9, None), (7.0, "deeplabv3plus")],
)
def test_two_spaces(difference: float, winner: str | None) -> None:
    decision = decide(study({"unet": [60.0] * 3, "deeplabv3plus": spread(60 + difference)}))
    assert decision.winner == winner
    assert decision.status == ("undecided" if winner is None else "decided")
    assert decision.settings_of == (None if winner is None else "best")
    (pair,) = decision.pairs
    assert (pair.reference, pair.challenger) == PAIR
    assert pair.difference_points == pytest.approx(difference)
    assert pair.low_points == pytest.approx(difference - 4.302653 * 0.1 / 3**0.5)
    assert pair.high_points == pytest.approx(difference + 4.302653 * 0.1 / 3**0.5)
    assert bool(decision.would_decide) == (winner is None)
    assert decision.sentence.startswith(f"Use {winner}: " if winner else "Undecided (unet or deeplabv3plus): ")


def test_the_order_of_the_spaces_does_not_matter() -> None:
    points: Points = {"unet": [60.0] * 3, "deeplabv3plus": spread(61)}
    reverse = {space: points[space] for space in reversed(list(points))}
    assert decide(study(points)).sentence == decide(study(reverse)).sentence


def test_a_wide_interval_names_the_seeds_that_would_decide() -> None:
    # Half-width 2.48 at 3 seeds; the bound is 1.3 points away, which 5 seeds reach (1.2417).
    decision = decide(study({"unet": [60.0] * 3, "deeplabv3plus": spread(60.7, width=1.0)}))
    assert decision.status == "undecided"
    assert decision.would_decide.startswith("About 2 more seeds of each finalist (5 in all)")


def test_between_the_bounds_the_deployment_decides() -> None:
    results = study({"unet": [60.0] * 3, "deeplabv3plus": spread(63.5)})
    assert "--deployment edge or server" in decide(results).would_decide
    assert decide(results, deployment="edge").winner == "unet"
    assert decide(results, deployment="server").winner == "deeplabv3plus"


def test_server_is_undecided_when_the_interval_holds_0() -> None:
    decision = decide(study({"unet": [60.0] * 3, "deeplabv3plus": spread(60.7, width=1.0)}), deployment="server")
    assert decision.status == "undecided"
    # 0.7 points away: t(n - 1) / sqrt(n) falls under 0.7 at 11 seeds (0.6718).
    assert "(11 in all)" in decision.would_decide


def test_server_takes_the_lighter_when_it_is_more_accurate() -> None:
    assert decide(study({"unet": [60.0] * 3, "deeplabv3plus": spread(59)}), deployment="server").winner == "unet"


def test_one_run_can_not_tell() -> None:
    decision = decide(study({"unet": [60.0], "deeplabv3plus": [70.0]}))
    assert decision.status == "undecided"
    assert "one run can't tell" in decision.sentence
    assert "3 seeds" in decision.would_decide
    assert decision.pairs[0].low_points is None


def test_several_spaces_need_one_that_beats_all() -> None:
    decided = decide(study({"unet": [60.0] * 3, "unetplusplus": spread(61), "deeplabv3plus": spread(60.5)}))
    assert decided.winner == "unet"
    assert decided.sentence == "Use unet: it wins against deeplabv3plus and unetplusplus."
    assert len(decided.pairs) == 3
    heavy = decide(study({"unet": [60.0] * 3, "unetplusplus": spread(61), "deeplabv3plus": spread(68)}))
    assert heavy.winner == "deeplabv3plus"


def test_an_open_comparison_at_the_top_leaves_all_undecided() -> None:
    decision = decide(study({"unet": [60.0] * 3, "unetplusplus": spread(50), "deeplabv3plus": spread(63.5)}))
    assert decision.status == "undecided"
    assert "unet or deeplabv3plus" in decision.sentence
    assert "unetplusplus" not in decision.sentence


def test_open_comparisons_between_losers_change_nothing() -> None:
    decision = decide(study({"unet": [60.0] * 3, "unetplusplus": spread(50), "deeplabv3plus": spread(53.5)}))
    assert decision.winner == "unet"
    assert None in {pair.winner for pair in decision.pairs}


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


def test_networks_of_equal_size_are_compared_by_accuracy() -> None:
    results = study({"unet": [60.0] * 3, "deeplabv3plus": spread(61)})
    trials = results.trials.copy()
    trials["parameters"] = 1e6
    # 1 point would be too little for a heavier network.
    decision = decide(replace(results, trials=trials))
    assert decision.winner == "deeplabv3plus"


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


def test_one_space_on_an_edge_device_that_it_does_not_fit() -> None:
    results = study({("unet", "best"): [60.0] * 3, ("unet", "baseline"): [60.0] * 3})
    decision = decide(results, deployment="edge", budgets=Budgets(max_parameters=10))
    assert decision.status == "none"
    assert "max_parameters 10" in decision.reason


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
    assert decide(make_results()).warnings == ()
    few = make_results(groups=("capture-1", "capture-2"))
    few.settings["data"]["split_by"] = "capture"
    assert "only 2 captures" in decide(few).warnings[0]


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
@pytest.mark.parametrize("spaces", [ALL, PAIR, ("unet",)])
@pytest.mark.parametrize("finalists", [True, False])
def test_json_is_strict_and_whole(deployment: Deployment, spaces: tuple[str, ...], finalists: bool) -> None:
    decision = decide(make_results(spaces=spaces, finalists=finalists), deployment=deployment)
    plain = json.loads(json.dumps(decision.to_json(), allow_nan=False))
    assert plain["rule"]["lighter_below_points"] == LIGHTER_BELOW_POINTS
    assert plain["rule"]["heavier_above_points"] == HEAVIER_ABOVE_POINTS
    assert plain["status"] == decision.status
    assert len(plain["candidates"]) == (2 * len(spaces) if finalists else 0)
    page = decision.to_markdown()
    assert page.splitlines()[2] == f"**{decision.sentence}**"


def test_unknown_costs_are_null_in_json_and_said_in_markdown() -> None:
    results = make_results(spaces=("unet",))
    trials = results.trials.copy()
    trials["latency_ms_p90"] = float("nan")
    decision = decide(replace(results, trials=trials))
    assert decision.to_json()["candidates"][0]["costs"]["latency_ms_p90"] is None
    assert "| not measured |" in decision.to_markdown()


def test_names_can_not_break_the_markdown() -> None:
    decision = replace(decide(make_results()), sentence="Use <script>|x|\n# heading")
    line = decision.to_markdown().splitlines()[2]
    assert line == "**Use &lt;script&gt;\\|x\\| # heading**"


def test_decided_verdicts_are_rarely_wrong() -> None:
    """Two thousand made-up studies, true differences of -8 to 8 points: at most 5 % of the decided are wrong."""
    generator = np.random.default_rng(4)
    wrong, decided, undecided_though_clear = 0, 0, 0
    for _ in range(2000):
        truth = generator.uniform(-8, 8)
        seeds, groups = int(generator.integers(3, 9)), int(generator.integers(8, 40))
        runs = truth + generator.normal(0, generator.uniform(0.3, 1.5), size=seeds)
        photos = generator.normal(0, generator.uniform(0, 4), size=groups)
        value = runs.mean() + photos.mean()
        half = float(half_width(runs.var(ddof=1), seeds, photos.var(ddof=1) / groups))
        verdict = preferred(value - half, value + half)
        decided += verdict is not None
        wrong += verdict == "lighter" and truth >= LIGHTER_BELOW_POINTS
        wrong += verdict == "heavier" and truth <= HEAVIER_ABOVE_POINTS
        undecided_though_clear += verdict is None and truth < LIGHTER_BELOW_POINTS - 3
    assert wrong <= 0.05 * decided
    assert decided > 1000
    assert undecided_though_clear < 100


@pytest.mark.parametrize("truth", [LIGHTER_BELOW_POINTS, HEAVIER_ABOVE_POINTS])
def test_at_the_bounds_themselves_a_verdict_is_rarely_wrong(truth: float) -> None:
    """The worst case: any verdict at a bound is wrong, and it must come in at most 5 % of studies."""
    generator = np.random.default_rng(5)
    runs = truth + generator.normal(0, 1.0, size=(4000, 3))
    photos = generator.normal(0, 2.0, size=(4000, 12))
    value = runs.mean(axis=1) + photos.mean(axis=1)
    half = half_width(runs.var(axis=1, ddof=1), 3, photos.var(axis=1, ddof=1) / 12)
    verdicts = [preferred(one - width, one + width) for one, width in zip(value, half, strict=True)]
    assert sum(verdict is not None for verdict in verdicts) <= 0.05 * 4000


def test_deciding_loads_no_torch() -> None:
    code = "import sys, analysis.decision; sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


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


def test_a_verdict_by_weight_says_which_runs_of_its_winner_broke() -> None:
    whole = study({"unet": [60.0] * 3, "deeplabv3plus": spread(70)})
    decision = decide(ended(whole, "unet-best-seed2", "diverged"), deployment="edge")
    assert (decision.status, decision.winner) == ("decided", "unet")
    assert decision.sentence.endswith("Of the finalist unet (best), seed 2 diverged.")
    assert "seed 2 diverged" in decision.warnings[0]


def test_a_baseline_that_broke_leaves_one_space_open() -> None:
    whole = study({("unet", "baseline"): [60.0] * 3, ("unet", "best"): spread(65)})
    decision = decide(ended(whole, "unet-baseline-seed0", "diverged"))
    assert decision.status == "undecided"
    assert "unet (baseline), seed 0 diverged" in decision.reason


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


def two_finalists(best: float, second: float, *, validation: tuple[float, float]) -> SearchResults:
    """A search of two spaces; of the UNet two configurations were re-run, with these mIoU on test and validation."""
    points: Points = {
        ("unet", "best"): [best] * 3,
        ("unet", "best-2"): [second] * 3,
        ("deeplabv3plus", "best"): [60.0] * 3,
    }
    scores = dict(zip(("best", "best-2"), validation, strict=True))
    levels = {f"unet-{role}-seed{seed}": score for role, score in scores.items() for seed in range(3)}
    return with_validation(study(points), levels)


@pytest.mark.parametrize(("validation", "chosen"), [((0.7, 0.6), "best"), ((0.6, 0.7), "best-2"), ((0.6, 0.6), "best")])
def test_of_several_finalists_the_validation_part_chooses(validation: tuple[float, float], chosen: str) -> None:
    # The test part says the opposite, and is not asked.
    points = (50.0, 65.0) if chosen == "best" else (65.0, 50.0)
    decision = decide(two_finalists(*points, validation=validation))
    (pair,) = decision.pairs
    assert pair.difference_points == pytest.approx(60 - 50)
    rows = {row.role: row for row in decision.candidates if row.space == "unet"}
    assert {role for role, row in rows.items() if row.stands} == {chosen}
    assert rows[chosen].validation_points == pytest.approx(100 * max(validation))
    (choice,) = decision.choices
    assert choice == f"{chosen} of unet (best {100 * validation[0]:.2f}, best-2 {100 * validation[1]:.2f})"
    assert "the test part has no say" in decision.choice_sentence()
    assert decision.choice_sentence() in decision.to_markdown()
    assert decision.to_json()["choices"] == [choice]


def test_the_settings_of_the_finalist_that_stands_are_named() -> None:
    decision = decide(two_finalists(50.0, 65.0, validation=(0.6, 0.7)))
    assert (decision.winner, decision.settings_of) == ("unet", "best-2")


def test_a_finalist_that_broke_stands_for_its_space_only_where_all_broke() -> None:
    results = two_finalists(50.0, 65.0, validation=(0.7, 0.6))
    broken = ended(results, "unet-best-seed1", "diverged")
    decision = decide(broken)
    assert next(row.role for row in decision.candidates if row.stands and row.space == "unet") == "best-2"
    assert decision.status == "decided"
    assert any("unet (best), seed 1 diverged" in warning for warning in decision.warnings)
    assert "a run broke" in decision.choices[0]
    decision = decide(ended(broken, "unet-best-2-seed1", "error"))
    assert decision.status == "undecided"


def test_finals_that_have_not_ended_have_no_verdict() -> None:
    results = two_finalists(50.0, 65.0, validation=(0.6, 0.7))
    decision = decide(ended(results, "unet-best-2-seed2", "interrupted"))
    assert decision.status == "none"
    assert "unet (best-2)" in decision.reason


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
