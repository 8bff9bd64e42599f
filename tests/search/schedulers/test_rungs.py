"""Where the rungs stand."""

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from search.schedulers.rungs import RUNG_GROWTH, rungs


@given(grace=st.integers(1, 500), most=st.integers(1, 5000), every=st.integers(1, 100))
def test_rungs_are_evaluations_below_the_end_and_rise(grace: int, most: int, every: int) -> None:
    found = rungs(grace, most, every)
    assert all(rung % every == 0 and grace <= rung < most for rung in found)
    assert all(later > earlier for earlier, later in pairwise(found))
    assert len(found) <= 1 + max(0.0, math.log(most / grace, RUNG_GROWTH)) if grace < most else not found


def test_rungs_of_27_evaluations_with_a_grace_of_4() -> None:
    assert rungs(4, 27, 1) == (4, 6, 9, 14, 21)
