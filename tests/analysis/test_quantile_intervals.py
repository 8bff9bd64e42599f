import numpy as np
import pytest
from scipy.stats import binom

from analysis.quantile_intervals import disturbance, quantile_with_interval


def test_the_median_of_twenty_lies_between_the_6th_and_the_15th() -> None:
    # The table of Hahn and Meeker, "Statistical Intervals": 95.9 %.
    found = quantile_with_interval([float(value) for value in range(20, 0, -1)], 0.5)
    assert (found.value, found.low, found.high) == (10.5, 6.0, 15.0)


def test_few_samples_bound_nothing_above_a_high_quantile() -> None:
    found = quantile_with_interval([3.0, 1.0, 2.0], 0.9)
    assert found.low is not None or found.high is None
    assert quantile_with_interval([1.0], 0.5).low is None
    with pytest.raises(ValueError, match="no samples"):
        quantile_with_interval([], 0.5)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("count", [20, 100, 1000])
def test_intervals_are_the_narrowest_that_hold_both_tails(share: float, count: int) -> None:
    found = quantile_with_interval([float(rank) for rank in range(1, count + 1)], share)
    if found.low is not None:
        assert binom.cdf(found.low - 1, count, share) <= 0.025 < binom.cdf(found.low, count, share)
    if found.high is not None:
        assert binom.sf(found.high - 1, count, share) <= 0.025 < binom.sf(found.high - 2, count, share)
    assert (found.high is None) == (binom.sf(count - 1, count, share) > 0.025)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    generator = np.random.default_rng(0)
    truth = float(np.exp(1.2815515655446004))
    held = 0
    for samples in generator.lognormal(size=(2000, 60)):
        found = quantile_with_interval(samples.tolist(), 0.9)
        low = -np.inf if found.low is None else found.low
        high = np.inf if found.high is None else found.high
        held += low <= truth <= high
    assert held / 2000 >= 0.945


def test_a_busy_machine_is_told() -> None:
    calm = [[10.0, 10.1, 10.2, 10.0, 10.1]] * 3
    assert disturbance(calm) is None
    assert "rounds differ by 50 %" in str(disturbance([calm[0], [15.15] * 5, [10.1] * 5]))
    assert "90th percentile is 100 %" in str(disturbance([[10.0] * 8 + [20.0] * 2] * 2))
