"""Who waits at a rung, and in which order, whatever came before."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.schedulers.comparison import Comparison, Rung

arrivals = st.lists(
    st.tuples(st.sampled_from([0.1, 0.2, 0.3]), st.sampled_from([1.0, 2.0]), st.sampled_from("pwlb")), max_size=12
)


@pytest.mark.parametrize("costs", [False, True])
@given(arrivals=arrivals, beyond=st.integers(0, 12))
def test_those_that_wait_stand_in_the_order_of_their_places(costs: bool, arrivals: list[Any], beyond: int) -> None:
    """Each trial passes, waits, waits for a while, or breaks where it waits."""
    rung = Rung(1)
    for number, (miou, cost, fate) in enumerate(arrivals):
        rung.add(str(number), (miou, cost) if costs else (miou,))
        if fate != "p":
            rung.pause(str(number))
        assert list(rung.waiting) == sorted(rung.waiting, key=rung.place)
        if fate in "lb":
            rung.leave(str(number))
        if fate == "b":
            rung.broke(str(number))
    waiting = {str(number) for number, (_, _, fate) in enumerate(arrivals) if fate == "w"}
    assert set(rung.waiting) == waiting
    assert list(rung.waiting) == sorted(waiting, key=rung.place)
    assert set(rung.waiting_beyond(beyond)) == {name for name in waiting if rung.place(name) > beyond}


@pytest.mark.parametrize(("to_come", "still_coming"), [(0, 3), (1, 4), (2, 5)])
def test_a_forfeited_place_is_not_waited_for_once_nobody_can_take_it(to_come: int, still_coming: int) -> None:
    """Of nine or ten four go on, of eleven five; the fourth gave its place up, and holds it if nobody better comes."""
    comparison = Comparison((1, 2), reduction_factor=3, fewest=2)
    comparison.to_come = to_come
    for number in range(9):
        comparison.rungs[0].add(str(number), (0.9 - number / 100,))
        comparison.rungs[0].pause(str(number))
    comparison.rungs[0].leave("3")
    comparison.rungs[0].forfeited.add("3")
    assert comparison.coming(1) == still_coming
