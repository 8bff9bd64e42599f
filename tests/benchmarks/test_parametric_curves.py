"""Curves from formulas."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from benchmarks.parametric_curves import LIGHT_AND_HEAVY, Architecture, Noise, draw_curves, scatter_of
from benchmarks.search_rules.contest import worth


def drawn(evaluations: int, seed: int = 0, count: int = 1500, noise: Noise | None = None) -> np.ndarray:
    curves, _ = draw_curves(count, evaluations, Architecture(), np.random.default_rng(seed), noise or Noise())
    return curves


def test_the_same_seed_draws_the_same_curves() -> None:
    np.testing.assert_array_equal(drawn(27), drawn(27))
    assert not np.array_equal(drawn(27), drawn(27, seed=1), equal_nan=True)


def test_curves_are_fractions_and_stay_diverged() -> None:
    curves = drawn(27)
    assert np.nanmin(curves) >= 0 and np.nanmax(curves) <= 1
    gone = np.isnan(curves)
    assert 0.03 < gone.any(axis=1).mean() < 0.10
    assert (gone[:, 1:] >= gone[:, :-1]).all()


@pytest.mark.parametrize("evaluations", [27, 150])
def test_early_ranks_mislead_as_much_as_those_of_real_trainings(evaluations: int) -> None:
    curves = drawn(evaluations)
    ends = worth(curves)

    def correlation(share: float) -> float:
        at = max(1, round(share * evaluations)) - 1
        return float(spearmanr(np.nan_to_num(curves[:, at]), ends).statistic)

    assert 0.2 < correlation(1 / 27) < 0.4
    assert 0.55 < correlation(4 / 27) < 0.75
    assert 0.85 < correlation(13 / 27) < 0.97


def test_the_heavy_architecture_is_slower_and_ends_higher() -> None:
    light, heavy = (
        draw_curves(1500, 27, architecture, np.random.default_rng(0), Noise()) for architecture in LIGHT_AND_HEAVY
    )
    assert np.nanmedian(heavy[0][:, 2]) < np.nanmedian(light[0][:, 2])
    assert np.median(worth(heavy[0])) > np.median(worth(light[0]))
    assert np.median(heavy[1]) == pytest.approx(3 * np.median(light[1]), rel=0.1)


def test_evaluations_scatter_less_as_the_learning_rate_falls() -> None:
    early, last = scatter_of(drawn(27))
    assert 0.001 < last < early < 0.006
    silent = scatter_of(drawn(27, noise=Noise(median=0.0)))
    assert silent[1] < last / 2
