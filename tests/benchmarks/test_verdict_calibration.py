from pathlib import Path

import numpy as np
import pytest

from analysis.decision import HEAVIER_ABOVE_POINTS, LIGHTER_BELOW_POINTS
from benchmarks.verdict_calibration import ALIKE, KNOWN, OURS, PAIRED, UNEQUAL, Judged, Photos, draw_study, judge
from tests.benchmarks.benchmark_command import run_quickly


def judged(
    truth: float, *, studies: int = 300, seeds: int = 3, spread: float = 0.01, photos: Photos = ALIKE
) -> dict[str, list[Judged]]:
    generator = np.random.default_rng(7)
    found = [
        judge(draw_study(generator, truth, seeds=seeds, spreads=(spread, spread), photos=photos))
        for _ in range(studies)
    ]
    return {rule: [one[rule] for one in found] for rule in (OURS, PAIRED, KNOWN)}


@pytest.mark.parametrize("truth", [LIGHTER_BELOW_POINTS, HEAVIER_ABOVE_POINTS])
def test_at_the_bounds_themselves_a_verdict_is_rarely_wrong(truth: float) -> None:
    """The worst case: any verdict at a bound is wrong. One in 40 is expected; 300 studies may show 5 % of them."""
    at_bound = judged(truth / 100)[OURS]
    assert sum(one.wrong for one in at_bound) == sum(one.verdict is not None for one in at_bound)
    assert sum(one.wrong for one in at_bound) <= 0.05 * len(at_bound)


@pytest.mark.parametrize("spread", [0.003, 0.015, 0.05])
def test_intervals_cover_the_truth_whatever_the_seeds_spread(spread: float) -> None:
    covered = {rule: np.mean([one.covered for one in found]) for rule, found in judged(0.03, spread=spread).items()}
    # Three standard errors of 300 studies below 95 %.
    assert covered[OURS] >= 0.912
    assert covered[KNOWN] >= 0.912


def test_intervals_cover_the_truth_with_rare_classes_and_unequal_photos() -> None:
    covered = [one.covered for one in judged(0.03, seeds=5, spread=0.005, photos=UNEQUAL)[OURS]]
    assert np.mean(covered) >= 0.912


def test_clear_differences_are_decided_nearly_as_often_as_with_known_variances() -> None:
    rules = judged(-0.02)
    decided = {rule: np.mean([one.verdict == "lighter" for one in found]) for rule, found in rules.items()}
    assert decided[OURS] >= decided[KNOWN] - 0.15
    assert decided[OURS] > decided[PAIRED] + 0.1


def test_the_known_deviation_is_that_of_the_differences() -> None:
    generator = np.random.default_rng(1)
    studies = [draw_study(generator, 0.01, seeds=3, groups=10, spreads=(0.01, 0.01)) for _ in range(400)]
    errors = [(judge(one)[KNOWN].low + judge(one)[KNOWN].high) / 2 - one.truth for one in studies]
    expected = np.sqrt(np.mean([one.deviation**2 for one in studies]))
    assert np.std(errors) == pytest.approx(expected, rel=0.12)


def test_the_command_prints_and_writes_the_goals(tmp_path: Path) -> None:
    written, printed = run_quickly("verdict_calibration", tmp_path)
    assert written["findings"]["wrong_goal_met"] is True
    assert {row["rule"] for row in written["rows"]} == {OURS, PAIRED, KNOWN}
    assert "wrong of decided" in printed
