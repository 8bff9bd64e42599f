import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.trial_score import trial_score

MIOUS = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("mious", "expected"),
    [
        ([0.1, 0.2, 0.6, 0.2, 0.5, 0.5, 0.5], 0.5),
        ([0.3, 0.4, 0.5], 0.4),
        ([0.5, 0.4, 0.3, 0.2], 0.4),
        ([0.2, 0.4], 0.3),
        ([0.7], 0.7),
        ([0.4, math.nan, 0.5, math.inf, 0.6], 0.5),
    ],
    ids=["lucky once", "rising", "falling", "two evaluations", "one evaluation", "gaps"],
)
def test_the_highest_mean_of_three_neighbours(mious: list[float], expected: float) -> None:
    assert trial_score(mious) == pytest.approx(expected)


@pytest.mark.parametrize("mious", [[], [math.nan, math.inf]])
def test_no_evaluation_no_score(mious: list[float]) -> None:
    assert math.isnan(trial_score(mious))


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        trial_score([0.5], window=0)


@given(MIOUS, st.integers(1, 5))
def test_the_score_lies_between_mean_and_best_and_follows_every_rise(mious: list[float], window: int) -> None:
    score = trial_score(mious, window)
    # The windows cover the curve, so the best of them is no worse than its mean would be without the ends.
    assert min(mious) - 1e-12 <= score <= max(mious) + 1e-12
    assert trial_score([miou + 0.1 for miou in mious], window) == pytest.approx(score + 0.1)
    assert trial_score(mious, 1) == max(mious)


@given(st.floats(0, 1), st.integers(1, 12))
def test_equal_evaluations_are_their_own_score_exactly(miou: float, count: int) -> None:
    assert trial_score([miou] * count) == pytest.approx(miou, abs=1e-15)
    assert trial_score([miou] * count) == trial_score([miou] * 3 * count) or count < 3
