"""How often a decided verdict is wrong, on made-up studies whose truth is known."""

import numpy as np
import pytest

from analysis.comparison import half_width
from analysis.decision import (
    HEAVIER_ABOVE_POINTS,
    LIGHTER_BELOW_POINTS,
    preferred,
)


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
