"""Ranking by mIoU alone, and by mIoU and costs."""

import math

from hypothesis import given
from hypothesis import strategies as st

from search.schedulers.ranking import Point, ranked

numbers = st.floats(-1, 1) | st.just(-math.inf)


def dominates(one: Point, other: Point) -> bool:
    no_worse = one[0] >= other[0] and all(a <= b for a, b in zip(one[1:], other[1:], strict=True))
    return no_worse and one != other


@given(st.lists(numbers, max_size=20))
def test_by_miou_alone_the_highest_comes_first_and_equals_in_their_order(mious: list[float]) -> None:
    order = ranked({str(number): (miou,) for number, miou in enumerate(mious)})
    assert order == sorted(order, key=lambda name: (-mious[int(name)], int(name)))


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)), max_size=15))
def test_nobody_stands_behind_a_trial_that_it_dominates(points: list[tuple[float, float, float]]) -> None:
    named: dict[str, Point] = {str(number): point for number, point in enumerate(points)}
    order = ranked(named)
    assert sorted(order) == sorted(named)
    for place, later in enumerate(order):
        assert not any(dominates(named[later], named[earlier]) for earlier in order[:place])


def test_a_front_is_spread_rather_than_crowded() -> None:
    front: dict[str, Point] = {"best": (0.9, 10.0), "close": (0.89, 9.9), "small": (0.5, 1.0), "middle": (0.7, 5.0)}
    assert ranked(front) == ["best", "small", "middle", "close"]


def test_a_trial_without_a_number_stands_last() -> None:
    assert ranked({"nothing": (-math.inf, 0.0), "something": (0.1, 9.0)}) == ["something", "nothing"]
