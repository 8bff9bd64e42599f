import numpy as np
import pytest

from analysis.knee import knee


@pytest.mark.parametrize(
    ("costs", "scores", "place"),
    [
        ([1.0, 10.0, 100.0], [0.5, 0.8, 0.81], 1),
        ([100.0, 10.0, 1.0], [0.81, 0.8, 0.5], 1),
        ([1.0, 10.0, 100.0], [0.5, 0.51, 0.9], None),
        ([1.0, 10.0, 100.0], [0.5, 0.6, 0.7], None),
        ([1.0, 100.0], [0.5, 0.9], None),
        ([1.0, 1.0, 1.0], [0.5, 0.5, 0.5], None),
        ([1.0], [0.5], None),
        ([], [], None),
        ([1.0, 10.0, 10.0, 100.0], [0.5, 0.8, 0.8, 0.81], 1),
    ],
)
def test_the_knee_is_where_more_cost_begins_to_buy_little(
    costs: list[float], scores: list[float], place: int | None
) -> None:
    assert knee(np.array(costs), np.array(scores)) == place


def test_units_do_not_matter() -> None:
    costs, scores = np.array([1.0, 3.0, 9.0, 40.0]), np.array([0.2, 0.6, 0.7, 0.72])
    assert knee(costs, scores) == knee(costs * 1e6, scores * 100) == 1
