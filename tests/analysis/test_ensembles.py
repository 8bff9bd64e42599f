"""What an ensemble adds to the better of its members."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from analysis.comparison import paired_difference
from analysis.decision import CONFIDENCE, decide
from analysis.decision_markdown import decision_markdown
from analysis.decision_record import Decision
from analysis.finalist_roles import ENSEMBLE
from analysis.page.ensembles import make_ensembles, missing_ensembles
from analysis.results import SearchResults, TestEvaluation
from tests.analysis.decision_studies import GROUPS, PIXELS, study
from tests.analysis.example_results import with_validation

NAME = "unet + deeplabv3plus"
POINTS = {"unet": [50.0, 51.0, 52.0], "deeplabv3plus": [60.0, 60.5, 61.0]}


def joined(values: Sequence[float], name: str = NAME, *, seeds: Sequence[int] = (0, 1, 2)) -> list[TestEvaluation]:
    found = []
    for seed, value in zip(seeds, values, strict=True):
        hits = round(value / 100 * PIXELS)
        one = np.array([[PIXELS, 0], [PIXELS - hits, hits]], dtype=np.int64)
        confusion = np.repeat(one[None], len(GROUPS), axis=0)
        found.append(TestEvaluation(f"joined-seed{seed}", name, ENSEMBLE, seed, GROUPS, confusion))
    return found


def search(validation: Mapping[str, float], tests: Sequence[TestEvaluation]) -> SearchResults:
    levels = {f"{space}-best-seed{seed}": level for space, level in validation.items() for seed in range(3)}
    whole = with_validation(study(POINTS), levels)
    return replace(whole, tests=(*whole.tests, *tests))


@pytest.mark.parametrize("better", ["unet", "deeplabv3plus"])
def test_the_validation_part_says_which_member_is_better(better: str) -> None:
    validation = {space: 0.8 if space == better else 0.7 for space in POINTS}
    results = search(validation, joined([62.0, 62.5, 63.0]))
    (row,) = decide(results).ensembles
    assert (row.name, row.member, row.member_role, row.seeds) == (NAME, better, "best", 3)
    assert row.difference_points == pytest.approx(62.5 - np.mean(POINTS[better]))
    member = [test for test in results.tests if test.space == better]
    own = [test for test in results.tests if test.role == ENSEMBLE]
    expected = paired_difference(own, member, confidence=CONFIDENCE)
    assert expected.low is not None
    assert row.difference_low_points == pytest.approx(100 * expected.low)


def test_it_is_told_in_json_markdown_and_on_the_page() -> None:
    decision = decide(search({"unet": 0.7, "deeplabv3plus": 0.8}, joined([62.0, 62.5, 63.0])))
    (plain,) = decision.to_json()["ensembles"]
    assert plain["difference_points"] == pytest.approx(2.0)
    assert plain["member"] == "deeplabv3plus"
    line = next(line for line in decision_markdown(decision).splitlines() if line.startswith(f"| {NAME} "))
    assert "| deeplabv3plus best | +2.00 |" in line
    (shown,) = make_ensembles(decision)
    assert shown.difference.startswith("+2.00 points (")
    assert shown.member == "deeplabv3plus best"


def decision_of(results: SearchResults) -> Decision:
    decision = decide(results)
    assert len(decision.ensembles) == 1
    return decision


def test_where_there_is_no_member_to_compare_with_only_the_score_is_told() -> None:
    unknown = {"unet": float("nan"), "deeplabv3plus": 0.8}
    known = {"unet": 0.7, "deeplabv3plus": 0.8}
    cases = (
        search(unknown, joined([62.0, 62.5, 63.0])),
        search(known, joined([62.0], seeds=(7,))),
        search(known, joined([62.0, 62.5, 63.0], "somebody + else")),
    )
    for results in cases:
        decision = decision_of(results)
        (row,) = decision.ensembles
        assert (row.member, row.difference_points, row.difference_low_points) == (None, None, None)
        assert row.miou_points >= 62
        assert "| unknown |" in decision_markdown(decision)
        assert make_ensembles(decision)[0].member == ""


def test_one_seed_gives_a_difference_without_an_interval() -> None:
    decision = decision_of(search({"unet": 0.7, "deeplabv3plus": 0.8}, joined([62.0], seeds=(0,))))
    (row,) = decision.ensembles
    assert row.difference_points == pytest.approx(2.0)
    assert (row.difference_low_points, row.difference_high_points) == (None, None)
    assert make_ensembles(decision)[0].difference == "+2.00 points (no interval)"


def test_ensembles_that_could_not_be_evaluated_are_named() -> None:
    summary = {"ensembles_missing": [{"ensemble": NAME, "seed": 1, "reason": "the weights are gone"}]}
    assert missing_ensembles(summary) == (f"{NAME}, seed 1: the weights are gone",)
    assert missing_ensembles({}) == ()
