"""Training stability of finalists, on curves whose spread and fall are known."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.results import SearchResults
from analysis.stability import largest_fall, spread_around_trend, stability_of
from analysis.tables import curves_frame
from tests.analysis.example_results import make_results

MIOUS = st.lists(st.floats(0, 1), min_size=3, max_size=12)


def with_curves(mious_of: dict[int, Sequence[float]]) -> SearchResults:
    """A search whose best UNet has these evaluations, by seed."""
    results = make_results(spaces=("unet",), seeds=tuple(mious_of))
    rows = [
        {"trial_id": f"unet-best-seed{seed}", "space": "unet", "phase": "finalist", "step": 10 * number, "miou": miou}
        for seed, mious in mious_of.items()
        for number, miou in enumerate(mious, start=1)
    ]
    return replace(results, curves=curves_frame(rows))


def test_only_the_last_quarter_counts_and_seeds_are_averaged() -> None:
    wild = [0.1, 0.5] * 6
    calm = [0.60, 0.61, 0.62, 0.63]
    falling = [0.60, 0.63, 0.60, 0.63]
    found = stability_of(with_curves({1: wild + calm, 2: wild + falling}), "unet", "best")
    assert found is not None
    # Around the line 0.6060, 0.6120, 0.6180, 0.6240 the second curve leaves -0.6, 1.8, -1.8, 0.6 points.
    assert found.spread == pytest.approx(np.sqrt((0.36 + 3.24) * 2 / 2) / 2)
    assert found.drawdown == pytest.approx(3.0 / 2)
    assert found.seeds == 2


def test_of_a_short_run_three_evaluations_count() -> None:
    found = stability_of(with_curves({1: [0.0, 0.9, 0.5, 0.5, 0.4]}), "unet", "best")
    assert found is not None
    assert found.drawdown == pytest.approx(10.0)


def test_what_is_not_finite_is_passed_over() -> None:
    found = stability_of(with_curves({1: [0.9, 0.5, 0.4, float("nan"), 0.6]}), "unet", "best")
    assert found is not None
    assert found.drawdown == pytest.approx(10.0)


def test_too_few_evaluations_or_none_at_all_tell_nothing() -> None:
    assert stability_of(with_curves({1: [0.5, 0.6], 2: [0.5, float("nan"), 0.6]}), "unet", "best") is None
    mixed = stability_of(with_curves({1: [0.5, 0.6], 2: [0.5, 0.4, 0.6]}), "unet", "best")
    assert mixed is not None
    assert mixed.seeds == 1
    assert stability_of(with_curves({1: [0.5] * 8}), "unet", "best-2") is None
    assert stability_of(replace(with_curves({1: [0.5] * 8}), curves=pd.DataFrame()), "unet", "best") is None


@given(MIOUS, st.floats(-0.1, 0.1))
def test_a_trend_adds_no_spread(mious: list[float], slope: float) -> None:
    steps, values = np.arange(len(mious), dtype=np.float64), np.array(mious)
    residuals = values - np.polyval(np.polyfit(steps, values, 1), steps)
    expected = np.sqrt((residuals**2).sum() / (len(mious) - 2))
    assert spread_around_trend(steps, values) == pytest.approx(expected, abs=1e-9)
    assert spread_around_trend(steps, values + slope * steps) == pytest.approx(expected, abs=1e-9)


@given(MIOUS)
def test_the_fall_is_the_worst_of_all_pairs(mious: list[float]) -> None:
    worst = max(earlier - later for place, later in enumerate(mious) for earlier in mious[: place + 1])
    assert largest_fall(np.array(mious)) == worst
