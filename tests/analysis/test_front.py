import itertools
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.front import Direction, front_of, hypervolume, non_dominated
from analysis.ground_latency import GROUND_LATENCY

# Few distinct values, so that ties, duplicates and gaps are common.
VALUES = st.sampled_from([-1.0, -0.0, 0.0, 0.5, 1.0, 2.0, float("inf"), float("nan")])
DIRECTIONS: tuple[Direction, ...] = ("max", "min")


def brute_force(points: np.ndarray, directions: tuple[Direction, ...]) -> list[bool]:
    signs = np.array([1.0 if direction == "min" else -1.0 for direction in directions])
    costs = points * signs
    front = []
    for one in costs:
        others = [other for other in costs if not np.isnan(other).any()]
        dominated = any((other <= one).all() and (other < one).any() for other in others)
        front.append(not np.isnan(one).any() and not dominated)
    return front


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_front_equals_brute_force(data: st.DataObject) -> None:
    metrics = data.draw(st.integers(1, 4))
    directions = tuple(data.draw(st.sampled_from(DIRECTIONS)) for _ in range(metrics))
    rows = data.draw(st.lists(st.lists(VALUES, min_size=metrics, max_size=metrics), max_size=12))
    points = np.array(rows, dtype=np.float64).reshape(-1, metrics)
    assert non_dominated(points, directions).tolist() == brute_force(points, directions)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 4)), max_size=8))
def test_hypervolume_equals_counted_unit_squares(rows: list[tuple[int, int]]) -> None:
    # Metric 0 is better high (reference 0), metric 1 better low (reference 4): count dominated squares.
    points = np.array(rows, dtype=np.float64).reshape(-1, 2)
    squares = sum(
        any(high >= x + 1 and low <= y for high, low in rows) for x, y in itertools.product(range(5), range(-1, 4))
    )
    assert hypervolume(points, ("max", "min"), np.array([0.0, 4.0])) == pytest.approx(squares)


def test_hypervolume_leaves_out_what_was_not_measured() -> None:
    points = np.array([[2.0, 1.0], [np.nan, 0.0]])
    assert hypervolume(points, ("max", "min"), np.array([0.0, 4.0])) == 6.0
    assert hypervolume(points[1:], ("max", "min"), np.array([0.0, 4.0])) == 0.0


def test_front_of_a_table_keeps_its_index() -> None:
    table = pd.DataFrame(
        {
            "best_miou": [0.6, 0.7, 0.65, np.nan],
            "parameters": [3.0, 40.0, 41.0, 1.0],
            GROUND_LATENCY: [20.0, 100.0, 110.0, 1.0],
        },
        index=["light", "heavy", "dominated", "unmeasured"],
    )
    front = front_of(table)
    assert front[front].index.tolist() == ["light", "heavy"]
    assert front_of(table, {"parameters": "min"})["unmeasured"]


@pytest.mark.parametrize(
    ("points", "directions"),
    [(np.zeros(3), ("max",)), (np.zeros((3, 2)), ("max",)), (np.zeros((3, 0)), ())],
)
def test_wrong_shapes_are_refused(points: np.ndarray, directions: tuple[Direction, ...]) -> None:
    with pytest.raises(ValueError, match="points have shape"):
        non_dominated(points, directions)


def test_reference_must_be_finite() -> None:
    with pytest.raises(ValueError, match="finite"):
        hypervolume(np.zeros((1, 1)), ("max",), np.array([np.nan]))


def test_a_million_points_take_under_a_few_seconds() -> None:
    points = np.random.default_rng(0).random((1_000_000, 3))
    start = time.perf_counter()
    assert 0 < non_dominated(points, ("max", "min", "min")).sum() < 1000
    # It takes a third of a second (benchmarks.fronts_speed); the rest is room for a busy machine.
    assert time.perf_counter() - start < 5
