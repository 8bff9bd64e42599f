"""What each figure's data says, beyond the contract that all share."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.best_trials import best_trials
from analysis.compute_tables import ENDINGS, decisions_frame, stretches_frame
from analysis.figures import (
    class_iou,
    confusion,
    finalist_front,
    finalists,
    front,
    front_3d,
    hyperparameters,
    hypervolume_history,
    learning_curves,
    rungs,
    timeline,
)
from analysis.figures.context import figure_context
from analysis.figures.hyperparameters import association
from analysis.figures.marks import STOP_MARKS
from analysis.figures.rows import spread_over_ranks
from analysis.figures.theme import log_ticks
from analysis.ground_latency import GROUND_LATENCY
from analysis.results import SearchResults
from spaces.parameters import Domain, Parameter
from tests.analysis.example_results import make_results, with_validation
from tests.analysis.figures.cases import CASES


def test_front_marks_exactly_the_trials_that_none_beats() -> None:
    table = front.front_data(make_results(), "parameters")
    for _, row in table.iterrows():
        better = (table["best_miou"] >= row["best_miou"]) & (table["parameters"] <= row["parameters"])
        strictly = (table["best_miou"] > row["best_miou"]) | (table["parameters"] < row["parameters"])
        assert row["on_front"] == (not (better & strictly).any())


def test_front_points_keep_their_cost_and_the_others_stay_near_it() -> None:
    table = front.front_data(make_results(), GROUND_LATENCY)
    on_front = table["on_front"]
    assert (table["position"][on_front] == table[GROUND_LATENCY][on_front]).all()
    assert np.allclose(np.log10(table["position"] / table[GROUND_LATENCY]), 0, atol=0.05)


def test_trials_of_one_network_do_not_cover_each_other() -> None:
    table = front.front_data(make_results(spaces=("unet",)), "parameters")
    assert table["parameters"].nunique() == 1
    assert table["position"].is_unique


def test_front_without_costs_says_so() -> None:
    results = CASES["interrupted"]()
    assert front.PARAMETERS.draw(front.front_data(results, "parameters"), None) == ()  # type: ignore[arg-type]


def test_curves_end_once_and_know_why() -> None:
    table = learning_curves.learning_curves_data(make_results())
    ends = table[table["last"]]
    assert ends["trial_id"].is_unique
    assert set(ends["trial_id"]) == set(table["trial_id"])
    assert dict(zip(ends["trial_id"], ends["stop_reason"], strict=True))["unet-2"] == "pruned"
    assert set(table["kind"][table["trial_id"] == "unet-1"]) == {"best"}
    assert set(table["kind"][table["trial_id"] == "unet-0"]) == {"baseline"}


def test_class_scores_come_from_the_test_part_once_finalists_have_run() -> None:
    tested = class_iou.class_iou_data(make_results())
    assert set(tested["part"]) == {"test"}
    assert (tested["low"] <= tested["iou"]).all() and (tested["iou"] <= tested["high"]).all()
    searched = class_iou.class_iou_data(make_results(finalists=False))
    assert set(searched["part"]) == {"validation"}
    assert searched["low"].isna().all()
    best = searched[(searched["space"] == "unet") & (searched["role"] == "best")]
    assert best["iou"].tolist() == pytest.approx([0.76, 0.78, 0.80, 0.82])


def test_class_scores_where_the_baseline_is_the_best() -> None:
    table = class_iou.class_iou_data(CASES["best_is_baseline"]())
    best, baseline = (table[table["role"] == role]["iou"].tolist() for role in ("best", "baseline"))
    assert best == baseline != []


def test_finalists_repeat_the_mean_of_their_seeds() -> None:
    table = finalists.finalists_data(make_results())
    for _, rows in table.groupby(["space", "role"]):
        assert rows["mean"].iloc[0] == pytest.approx(rows["miou"].mean())
        assert len(rows) == 3


def test_ensembles_come_last_among_the_finalists_and_stand_for_nobody() -> None:
    results = CASES["ensembles"]()
    table = finalists.finalists_data(results)
    joined = table[table["role"] == "ensemble"]
    assert set(joined["space"]) == {"unet + deeplabv3plus"}
    assert not joined["stands"].any()
    (drawing,) = finalists.FIGURE.draw(table, figure_context(results))
    assert drawing.plot.layout.yaxis.ticktext[-1] == "unet + deeplabv3plus<br>ensemble  "
    for other in (finalist_front.finalist_front_data(results, "parameters"), confusion.confusion_data(results)):
        assert set(other["space"]) == {"unet", "deeplabv3plus"}


def test_hyperparameters_shows_only_what_varied_each_on_its_scale() -> None:
    table = hyperparameters.hyperparameters_data(make_results(spaces=("unet",)))
    scales = table.drop_duplicates("parameter").set_index("parameter")["scale"].to_dict()
    assert scales == {
        "learning_rate": "linear",
        "selftraining_weight": "linear",
        "threshold_base": "linear",
        "optimizer": "category",
        "cutmix": "category",
    }
    assert set(table[table["parameter"] == "cutmix"]["level"]) == {"true", "false"}
    # The trial that diverged before its first evaluation has no score to show.
    assert "unet-3" not in set(table["trial_id"])


def test_values_over_decades_get_a_logarithmic_axis_and_decays_their_distance_from_one() -> None:
    results = make_results(spaces=("unet",), finalists=False)
    trials = results.trials
    trials["config.learning_rate"] = [1e-4, 1e-3, 1e-2, 1e-1]
    trials["config.ema_decay"] = [0.9, 0.99, 0.999, 0.9999]
    table = hyperparameters.hyperparameters_data(results)
    scales = table.drop_duplicates("parameter").set_index("parameter")["scale"].to_dict()
    assert scales["learning_rate"] == "log"
    assert scales["1 - ema_decay"] == "log"
    assert "ema_decay" not in scales


def test_thresholds_by_class_are_parameters_of_their_own() -> None:
    results = make_results(spaces=("unet",), finalists=False)
    results.trials["config.threshold_offsets.Jalan"] = [0.1, 0.2, 0.3, 0.4]
    table = hyperparameters.hyperparameters_data(results)
    rows = table[table["parameter"] == "threshold_offsets.Jalan"]
    assert rows["value"].tolist() == [0.1, 0.2, 0.3]


def test_association_is_one_where_ranks_follow_and_low_where_they_do_not() -> None:
    values = np.arange(20.0)
    assert association(values, values**3, categories=False) == pytest.approx(1)
    assert association(values, -values, categories=False) == pytest.approx(1)
    assert association(values % 2, values % 2, categories=True) == pytest.approx(1)
    assert association(values % 2, values, categories=True) < 0.2
    assert np.isnan(association(values[:3], values[:3], categories=False))


def test_drawn_rows_hold_the_best_and_are_no_more_than_asked_for() -> None:
    scores = np.random.default_rng(0).normal(size=1000)
    scores[::7] = np.nan
    chosen = spread_over_ranks(scores, 50)
    assert chosen.sum() == 50
    assert chosen[np.argsort(np.nan_to_num(scores, nan=-9))[-25:]].all()
    assert spread_over_ranks(scores, 1000).all()


def test_the_earlier_of_equal_trials_is_the_best() -> None:
    results = with_validation(
        make_results(spaces=("unet",), finalists=False), {f"unet-{number}": 0.5 for number in range(4)}
    )
    assert best_trials(results)["unet"]["trial_id"] == "unet-0"


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (3e6, 5e7, 8, [5e6, 1e7, 2e7, 5e7]),
        (1e-4, 1e-1, 4, [1e-4, 1e-3, 1e-2, 1e-1]),
        (3.1, 3.2, 8, [pytest.approx(3.1496, rel=1e-3)]),
    ],
)
def test_log_ticks_are_round_and_fit(low: float, high: float, most: int, expected: list[float]) -> None:
    values, texts = log_ticks(low, high, most=most)
    assert values == pytest.approx(expected) if len(expected) > 1 else values == expected
    assert len(texts) == len(values)


def test_class_scores_of_a_trial_that_fell_are_those_of_its_best_evaluation() -> None:
    results = make_results(spaces=("unet",), finalists=False)
    curves = results.curves
    peak = (curves["trial_id"] == "unet-1") & (curves["step"] == 60)
    curves.loc[peak, "miou"] = 0.9
    curves.loc[peak, "iou_1_badan_air"] = 0.55
    table = class_iou.class_iou_data(results)
    chosen = (table["role"] == "best") & (table["class_index"] == 1)
    assert table["iou"][chosen].tolist() == [0.55]


def with_parameters(*parameters: Parameter) -> SearchResults:
    """Four scored trials of one space whose settings hold the parameters' domains, as a search writes them."""
    results = make_results(spaces=("unet",), finalists=False)
    results.trials["best_miou"] = [0.4, 0.5, 0.6, 0.7]
    results.trials["config.optimizer"] = ["sgd", "sgd", "adamw", "adamw"]
    results.trials["config.learning_rate"] = [0.001, 0.002, 0.0001, 0.0002]
    results.trials["config.threshold_strategy"] = ["classwise", "fixed", "classwise", "off"]
    results.trials["config.selftraining_weight"] = [1.0, 2.0, 3.0, 1.5]
    results.settings["spaces"]["unet"]["parameters"] = [one.model_dump(mode="json") for one in parameters]
    return results


def test_a_parameter_is_shown_only_where_it_acted() -> None:
    weight = Domain.model_validate({"low": 0.25, "high": 4, "when": {"threshold_strategy": {"not": "off"}}})
    results = with_parameters(Parameter(name="selftraining_weight", domains=(weight,)))
    table = hyperparameters.hyperparameters_data(results)
    shown = table[table["parameter"] == "selftraining_weight"]
    assert sorted(shown["trial_id"]) == ["unet-0", "unet-1", "unet-2"]


def test_each_domain_of_a_parameter_is_a_panel_of_its_own() -> None:
    domains = tuple(
        Domain.model_validate({"low": low, "high": high, "log": True, "when": {"optimizer": optimizer}})
        for optimizer, low, high in (("sgd", 1e-4, 2e-2), ("adamw", 3e-5, 1e-3))
    )
    results = with_parameters(Parameter(name="learning_rate", domains=domains))
    table = hyperparameters.hyperparameters_data(results)
    panels = {name: rows["trial_id"].tolist() for name, rows in table.groupby("parameter")}
    assert sorted(panels["learning_rate (optimizer=sgd)"]) == ["unet-0", "unet-1"]
    assert sorted(panels["learning_rate (optimizer=adamw)"]) == ["unet-2", "unet-3"]
    assert "learning_rate" not in panels
    titles = [one.title for one in hyperparameters.draw_hyperparameters(table, figure_context(results))]
    assert "learning_rate (optimizer=sgd)" in titles


def test_the_finalists_front_is_that_of_the_test_part() -> None:
    results = make_results(ranks=2)
    table = finalist_front.finalist_front_data(results, "parameters")
    assert set(zip(table["space"], table["role"], strict=True)) == {
        (space, role) for space in results.settings["spaces"] for role in ("best", "best-2", "baseline")
    }
    for _, row in table.iterrows():
        better = (table["miou"] >= row["miou"]) & (table["parameters"] <= row["parameters"])
        strictly = (table["miou"] > row["miou"]) | (table["parameters"] < row["parameters"])
        assert row["on_front"] == (not (better & strictly).any())
    means = finalists.finalists_data(results).groupby(["space", "role"])["mean"].first()
    assert table.set_index(["space", "role"])["miou"].sort_index().equals(means.sort_index().rename("miou"))


def test_the_finalists_front_compares_latencies_of_different_inference_sizes() -> None:
    results = make_results(spaces=("unet",), ranks=2)
    trials = results.trials.copy()
    trials.loc[trials["role"] == "best-2", "config.image_scale"] = 0.5
    table = finalist_front.finalist_front_data(replace(results, trials=trials), GROUND_LATENCY)
    latency = dict(zip(table["role"], table[GROUND_LATENCY], strict=True))
    assert latency["best-2"] == pytest.approx(latency["best"] / 4)
    # It is a little worse and much faster: both are on the front, the baseline is not.
    assert dict(zip(table["role"], table["on_front"], strict=True)) == {
        "best": True,
        "best-2": True,
        "baseline": False,
    }


def test_the_figure_of_the_finalists_marks_who_stands_for_the_space() -> None:
    results = with_validation(make_results(spaces=("unet",), ranks=2), {f"unet-best-2-seed{s}": 0.9 for s in range(3)})
    table = finalists.finalists_data(results)
    assert set(table["role"][table["stands"]]) == {"best-2"}
    assert set(table["role"]) == {"best", "best-2", "baseline"}


def test_the_knee_of_the_front_is_on_it() -> None:
    results = make_results(finalists=False)
    best = {"unet-1": 0.5, "unetplusplus-1": 0.8, "deeplabv3plus-1": 0.81}
    table = front.front_data(with_validation(results, best), "parameters")
    assert table["trial_id"][table["knee"]].tolist() == ["unetplusplus-1"]
    assert table["on_front"][table["knee"]].all()
    straight = front.front_data(with_validation(results, best | {"unetplusplus-1": 0.4}), "parameters")
    assert not straight["knee"].any()


def test_the_band_of_the_finalists_front_is_what_single_seeds_attain() -> None:
    results = make_results()
    table = finalist_front.finalist_front_data(results, "parameters")
    runs = finalists.finalists_data(results)
    for _, row in table.iterrows():
        affordable = table[table["parameters"] <= row["parameters"]][["space", "role"]]
        best = runs.merge(affordable).groupby("seed")["miou"].max()
        assert row["attained_low"] == pytest.approx(best.min())
        assert row["attained_high"] == pytest.approx(best.max())
    one_seed = finalist_front.finalist_front_data(CASES["one_seed"](), "parameters")
    assert one_seed["attained_low"].isna().all() and one_seed["attained_high"].isna().all()


def test_the_front_in_space_is_of_all_three_metrics() -> None:
    table = front_3d.front_3d_data(make_results())
    for _, row in table.iterrows():
        as_good = (
            (table["best_miou"] >= row["best_miou"])
            & (table["parameters"] <= row["parameters"])
            & (table[GROUND_LATENCY] <= row[GROUND_LATENCY])
        )
        same = table[["best_miou", "parameters", GROUND_LATENCY]] == row[["best_miou", "parameters", GROUND_LATENCY]]
        assert row["on_front"] == (not (as_good & ~same.all(axis=1)).any())
    (drawing,) = front_3d.FIGURE.draw(table, figure_context(make_results()))
    assert drawing.on_demand


def test_hypervolume_never_falls_and_ends_at_one() -> None:
    table = hypervolume_history.hypervolume_history_data(make_results())
    for space, rows in table.groupby("space"):
        assert rows["share"].is_monotonic_increasing
        assert rows["trials"].tolist() == list(range(1, len(rows) + 1))
        assert rows["share"].iloc[-1] == pytest.approx(1) if space == "" else rows["share"].iloc[-1] < 1
    whole = table[table["space"] == ""]
    assert whole["seconds"].is_monotonic_increasing
    assert set(whole["trial_id"]) == set(table[table["space"] != ""]["trial_id"])


def test_hypervolume_grows_only_with_points_that_nothing_dominates() -> None:
    results = with_validation(make_results(spaces=("unet",), finalists=False), {"unet-0": 0.6, "unet-1": 0.5})
    table = hypervolume_history.hypervolume_history_data(results)
    table = table[table["space"] == ""].set_index("trial_id")
    assert table["hypervolume"].nunique() == 1
    # One network for all: a decade of parameters and one of latency below the reference, times the mIoU.
    assert table["hypervolume"].iloc[0] == pytest.approx(0.6)


def test_confusions_are_shares_of_the_true_class() -> None:
    results = make_results()
    table = confusion.confusion_data(results)
    for _, rows in table.groupby(["space", "role", "truth"]):
        assert rows["share"].sum() == pytest.approx(1)
    unet = table[(table["space"] == "unet") & (table["role"] == "best")]
    tests = [test for test in results.tests if (test.space, test.role) == ("unet", "best")]
    assert unet["pixels"].sum() == sum(test.confusion.sum() for test in tests)
    row = unet[(unet["truth"] == 2) & (unet["prediction"] == 3)].iloc[0]
    assert (row["truth_name"], row["prediction_name"]) == ("Bangunan", "Snake Fruit")
    assert row["pixels"] == sum(test.confusion[:, 2, 3].sum() for test in tests)


def test_a_class_that_the_test_part_lacks_has_no_shares() -> None:
    whole = make_results(spaces=("unet",))
    tests = []
    for test in whole.tests:
        counts = test.confusion.copy()
        counts[:, 1, :] = 0
        tests.append(replace(test, confusion=counts))
    results = replace(whole, tests=tuple(tests))
    table = confusion.confusion_data(results)
    assert table["share"][table["truth"] == 1].isna().all()
    assert table["share"][table["truth"] != 1].notna().all()
    assert len(confusion.FIGURE.draw(table, figure_context(results))) == 2


def test_finalists_that_do_not_stand_for_their_space_are_drawn_on_demand() -> None:
    results = make_results(ranks=2)
    drawings = confusion.FIGURE.draw(confusion.confusion_data(results), figure_context(results))
    shown = [drawing.title for drawing in drawings if not drawing.on_demand]
    assert len(drawings) == 9
    assert sorted(title.split()[0] for title in shown) == ["deeplabv3plus", "unet", "unetplusplus"]


def test_the_timeline_shows_every_stretch_in_its_lane() -> None:
    results = make_results()
    table = timeline.timeline_data(results)
    (drawing,) = timeline.FIGURE.draw(table, figure_context(results))
    bars = [trace for trace in drawing.plot.data if trace.type == "bar"]
    assert sum(len(trace.x) for trace in bars) == len(table) == len(results.stretches)
    assert {trace.name for trace in bars} == {"completed", "pruned", "diverged", "paused at a rung"}


def test_endings_of_one_colour_differ_in_pattern() -> None:
    looks = [(marks.colour, marks.pattern) for marks in STOP_MARKS.values()]
    assert len(set(looks)) == len(looks)
    assert {ending for ending in ENDINGS if ending not in STOP_MARKS} == set()


def test_the_timeline_of_a_great_search_draws_its_longest_stretches() -> None:
    row = {str(name): value for name, value in make_results().stretches.iloc[0].items()}
    many = [
        {**row, "lane": number % 8, "start_seconds": float(number), "end_seconds": number + 1.0 + number % 7}
        for number in range(3 * timeline.MOST_BARS)
    ]
    results = replace(make_results(), stretches=stretches_frame(many))
    (drawing,) = timeline.FIGURE.draw(timeline.timeline_data(results), figure_context(results))
    bars = [trace for trace in drawing.plot.data if trace.type == "bar"]
    assert sum(len(trace.x) for trace in bars) == timeline.MOST_BARS
    assert "2,000 of 6,000" in drawing.note


def test_rungs_count_every_trial_once_and_show_the_last_cut() -> None:
    row = {"space": "unet", "rung": 40, "score": 0.3}
    judged = [
        {**row, "trial_id": "a", "seconds": 1.0, "cutoff": np.nan, "outcome": "promoted"},
        {**row, "trial_id": "b", "seconds": 3.0, "cutoff": 0.25, "outcome": "passed", "score": 0.4},
        {**row, "trial_id": "c", "seconds": 2.0, "cutoff": 0.20, "outcome": "stopped", "score": 0.1},
        {**row, "trial_id": "d", "seconds": 4.0, "cutoff": np.nan, "outcome": "audited", "score": 0.05},
    ]
    results = replace(make_results(), decisions=decisions_frame(judged))
    (found,) = rungs.rungs_data(results).to_dict("records")
    assert found == {
        "space": "unet",
        "rung": 40,
        "reached": 4,
        "passed": 1,
        "promoted": 1,
        "audited": 1,
        "paused": 0,
        "stopped": 1,
        "cutoff": 0.25,
        "best_stopped": 0.1,
        "worst_kept": 0.3,
    }
