from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import stdtrit

from analysis.comparison import (
    Estimate,
    group_warning,
    half_width,
    paired_difference,
    score_estimate,
    seeds_to_decide,
)
from analysis.results import TestEvaluation

PIXELS = 1000


def evaluation(
    shares: Sequence[float] | NDArray[np.float64], *, seed: int = 0, groups: Sequence[str] | None = None
) -> TestEvaluation:
    """One foreground class, found in the given share of its pixels in each group: its IoU and mIoU."""
    hits = [round(share * PIXELS) for share in shares]
    confusion = np.array([[[PIXELS, 0], [PIXELS - hit, hit]] for hit in hits], dtype=np.int64)
    names = tuple(groups) if groups is not None else tuple(f"photo{index}" for index in range(len(hits)))
    return TestEvaluation("t", "unet", "best", seed, names, confusion)


def seeds_of(values: Sequence[float]) -> list[TestEvaluation]:
    """Two groups that do not differ: the spread between seeds alone makes the interval."""
    return [evaluation([value, value], seed=seed) for seed, value in enumerate(values)]


def test_interval_from_seeds_by_hand() -> None:
    # Differences 4, 5 and 6 points: mean 5, variance 1, t(2) = 4.302653.
    difference = paired_difference(seeds_of([0.64, 0.65, 0.66]), seeds_of([0.60, 0.60, 0.60]))
    assert difference.value == pytest.approx(0.05)
    assert difference.seed_variance == pytest.approx(0.01**2)
    assert difference.group_variance == pytest.approx(0, abs=1e-15)
    assert difference.low == pytest.approx(0.05 - 4.302653 * 0.01 / 3**0.5, abs=1e-8)
    assert difference.high == pytest.approx(0.05 + 4.302653 * 0.01 / 3**0.5, abs=1e-8)


def test_seeds_are_matched_by_number_but_what_they_share_is_not_counted_on() -> None:
    first, second = seeds_of([0.70, 0.60, 0.50]), seeds_of([0.65, 0.55, 0.45])
    difference = paired_difference(first, list(reversed(second)))
    assert difference == paired_difference(first, second)
    assert difference.value == pytest.approx(0.05)
    # Each of the two varies by 0.1: t(4) = 2.776445, as for two samples that have nothing to do with each other.
    assert difference.low == pytest.approx(0.05 - 2.776445 * (2 * 0.1**2 / 3) ** 0.5)


def test_bootstrap_over_groups_matches_the_variance_of_a_mean() -> None:
    # Equal pixels in each group: the score is the mean over groups, whose variance is known exactly.
    shares = np.random.default_rng(1).uniform(0.3, 0.9, size=12).round(3)
    estimate = score_estimate([evaluation(shares, seed=0), evaluation(shares, seed=1)])
    assert estimate.value == pytest.approx(shares.mean())
    assert estimate.seed_variance == pytest.approx(0)
    assert estimate.group_variance == pytest.approx(shares.var(ddof=1) / 12, rel=0.1)
    # t(11) = 2.200985: the seeds do not differ, so the twelve groups alone make the interval.
    width = 2.200985 * estimate.group_variance**0.5
    assert (estimate.low, estimate.high) == pytest.approx((estimate.value - width, estimate.value + width))


def test_differences_between_groups_that_both_share_cancel() -> None:
    hard, easy = 0.3, 0.9
    first = [evaluation([hard + 0.05, easy + 0.05], seed=seed) for seed in range(2)]
    second = [evaluation([easy, hard], seed=seed, groups=["photo1", "photo0"]) for seed in range(2)]
    difference = paired_difference(first, second)
    assert difference.value == pytest.approx(0.05)
    assert difference.group_variance == pytest.approx(0, abs=1e-15)


def test_one_seed_gives_no_interval() -> None:
    estimate = score_estimate([evaluation([0.5, 0.6])])
    assert estimate.value == pytest.approx(0.55)
    assert estimate.low is None
    assert estimate.high is None
    assert estimate.seed_variance is None


def test_one_group_gives_no_interval_however_many_seeds() -> None:
    first = [evaluation([value], seed=seed) for seed, value in enumerate((0.70, 0.71, 0.72))]
    second = [evaluation([0.5], seed=seed) for seed in range(3)]
    difference = paired_difference(first, second)
    assert difference.value == pytest.approx(0.21)
    assert (difference.low, difference.high, difference.group_variance) == (None, None, None)
    assert difference.seed_variance == pytest.approx(0.01**2)
    with pytest.raises(ValueError, match="one group"):
        seeds_to_decide(difference, 0.1)


def test_seeds_that_one_has_not_run_are_left_out() -> None:
    difference = paired_difference(seeds_of([0.7, 0.6, 0.1]), seeds_of([0.6, 0.5]))
    assert difference.seeds == 2
    assert difference.value == pytest.approx(0.1)


def test_a_class_can_be_compared_by_itself() -> None:
    # Background: 1000 right, 400 of the foreground's pixels taken for it.
    assert score_estimate(seeds_of([0.6, 0.6]), class_index=0).value == pytest.approx(1000 / 1400)
    assert score_estimate(seeds_of([0.6, 0.6]), class_index=1).value == pytest.approx(0.6)


def test_an_absent_class_has_no_score_and_no_interval() -> None:
    empty = np.zeros((2, 3, 3), dtype=np.int64)
    empty[:, :2, :2] = [[5, 1], [1, 5]]
    both = [TestEvaluation("t", "unet", "best", seed, ("a", "b"), empty) for seed in range(2)]
    estimate = score_estimate(both, class_index=2)
    assert np.isnan(estimate.value)
    assert estimate.low is None


def test_a_class_in_one_group_only_is_compared_where_it_is() -> None:
    rare = np.zeros((2, 3, 3), dtype=np.int64)
    rare[:, :2, :2] = [[5, 1], [1, 5]]
    rare[0, 2] = [0, 1, 3]
    both = [TestEvaluation("t", "unet", "best", seed, ("a", "b"), rare) for seed in range(2)]
    estimate = score_estimate(both, class_index=2)
    assert estimate.value == pytest.approx(0.75)
    assert estimate.high is not None


def test_the_same_data_give_the_same_interval() -> None:
    shares = np.random.default_rng(2).random(8)
    runs = [evaluation(shares, seed=0), evaluation(shares * 0.9, seed=1)]
    assert score_estimate(runs) == score_estimate(list(reversed(runs)))


@pytest.mark.parametrize(
    ("first", "second", "complaint"),
    [
        ([], seeds_of([0.5]), "no evaluation"),
        (seeds_of([0.5]) * 2, seeds_of([0.5]), "two evaluations for one seed"),
        (seeds_of([0.5]), [evaluation([0.5, 0.5], seed=7)], "no seed in common"),
        (seeds_of([0.5]), [evaluation([0.5], groups=["other"])], "different groups"),
        ([evaluation([0.5]), evaluation([0.5, 0.5], seed=1)], seeds_of([0.5]), "different groups"),
    ],
)
def test_evaluations_that_do_not_fit_are_refused(
    first: list[TestEvaluation], second: list[TestEvaluation], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        paired_difference(first, second)


def estimate(seed_variance: float | None, group_variance: float, seeds: int = 3) -> Estimate:
    return Estimate(
        value=0.0,
        low=None,
        high=None,
        seeds=seeds,
        groups=10,
        seed_variance=seed_variance,
        seed_freedom=None if seed_variance is None else seeds - 1.0,
        group_variance=group_variance,
    )


def test_seeds_to_decide_by_hand() -> None:
    # s = 1: t(n - 1) / sqrt(n) is 1.5912 for 4 seeds, 1.2417 for 5 and 1.0494 for 6.
    assert seeds_to_decide(estimate(1.0, 0.0), 1.25) == 5
    assert seeds_to_decide(estimate(1.0, 0.0), 1.24) == 6
    assert half_width([(1.0 / 5, 4), (0.0, 9)]) == pytest.approx(1.2417, abs=1e-4)


def test_freedom_of_a_sum_by_hand() -> None:
    # Welch and Satterthwaite: (1 + 1)^2 / (1 / 2 + 1 / 2) = 4 degrees of freedom, t(4) = 2.776445.
    assert half_width([(1.0, 2), (1.0, 2)]) == pytest.approx(2.776445 * 2**0.5)
    assert half_width([(1.0, 2), (0.0, 2)]) == pytest.approx(4.302653)
    assert half_width([(0.0, 2), (0.0, 2)]) == 0


@given(
    parts=st.lists(st.tuples(st.floats(1e-9, 1e3), st.integers(1, 60)), min_size=1, max_size=4),
    more=st.floats(1.0001, 10),
)
def test_an_interval_is_never_narrower_than_if_the_variance_were_known(
    parts: list[tuple[float, int]], more: float
) -> None:
    known = 1.959963985 * sum(variance for variance, _ in parts) ** 0.5
    poorest = stdtrit(min(freedom for _, freedom in parts), 0.975) / 1.959963985
    assert known <= half_width(parts) <= known * poorest * (1 + 1e-9)
    assert half_width([(more * variance, freedom) for variance, freedom in parts]) > half_width(parts)


def test_a_finalist_that_never_varies_takes_no_freedom_from_one_that_does() -> None:
    steady, unsteady = seeds_of([0.5, 0.5, 0.5]), seeds_of([0.6, 0.7, 0.8])
    difference = paired_difference(unsteady, steady)
    assert difference.seed_variance == pytest.approx(0.1**2)
    assert difference.seed_freedom == pytest.approx(2)
    both = paired_difference(unsteady, seeds_of([0.2, 0.1, 0.3]))
    assert both.seed_variance == pytest.approx(2 * 0.1**2)
    assert both.seed_freedom == pytest.approx(4)


def test_seeds_can_not_decide_what_the_photos_leave_open() -> None:
    assert seeds_to_decide(estimate(1.0, 1.0), 1.9) is None
    assert seeds_to_decide(estimate(1.0, 0.0), 0.0) is None
    with pytest.raises(ValueError, match="one seed"):
        seeds_to_decide(estimate(None, 0.0), 1.0)


def test_few_groups_are_warned_of() -> None:
    assert group_warning(5, "photo") is None
    assert "only 4 photos" in str(group_warning(4, "photo"))
    assert "single capture" in str(group_warning(1, "capture"))


def test_intervals_cover_the_truth_at_least_as_often_as_they_say() -> None:
    """Hundreds of made-up studies: seeds, groups and their interplay all random, the true difference 0.02."""
    generator = np.random.default_rng(3)
    covered = []
    for _ in range(300):
        groups, seeds = 12, int(generator.integers(3, 6))
        photo_effect = generator.normal(0.02, 0.03, size=groups)
        seed_effect = generator.normal(0.0, 0.01, size=seeds)
        base = generator.uniform(0.3, 0.7, size=groups)
        first = [evaluation(base + photo_effect + seed_effect[seed], seed=seed) for seed in range(seeds)]
        second = [evaluation(base, seed=seed) for seed in range(seeds)]
        difference = paired_difference(first, second)
        assert difference.low is not None
        assert difference.high is not None
        covered.append(difference.low <= 0.02 <= difference.high)
    assert np.mean(covered) >= 0.95
