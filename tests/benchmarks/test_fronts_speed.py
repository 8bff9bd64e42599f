"""The baselines find the same fronts, and the benchmark runs."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.front import non_dominated
from benchmarks.fronts_speed import DIRECTIONS, DRAWS, main, pairwise_front, sorted_front


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30))
def test_baselines_find_the_same_fronts(rows: list[tuple[int, int, int]]) -> None:
    points = np.array(rows, dtype=np.float64)
    for metrics, directions in DIRECTIONS.items():
        chosen = points[:, :metrics]
        expected = non_dominated(chosen, directions).tolist()
        assert pairwise_front(chosen, directions).tolist() == expected
    assert sorted_front(points[:, :2], DIRECTIONS[2]).tolist() == non_dominated(points[:, :2], DIRECTIONS[2]).tolist()


@pytest.mark.parametrize("metrics", DIRECTIONS)
def test_of_the_hardest_case_nearly_all_points_are_on_the_front(metrics: int) -> None:
    points = DRAWS["all on the front"](np.random.default_rng(0), 500, metrics)
    assert non_dominated(points, DIRECTIONS[metrics]).mean() > 0.99


def test_every_case_is_measured(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    assert main(["--points", "500", "--json", str(file)]) == 0
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    assert {row["method"] for row in rows} == {"analysis.front", "sorted, numpy", "all pairs, numpy"}
    # Where both were given the same points, they found the same number.
    found: dict[str, set[int]] = {}
    for row in rows:
        found.setdefault(row["points are"], set()).add(row["on the front"])
    assert len(found) == 6
    assert all(len(counts) == 1 for counts in found.values())
