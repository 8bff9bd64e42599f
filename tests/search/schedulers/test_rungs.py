"""Where the rungs stand."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.schedulers.rungs import RUNG_GROWTH, rung_score, rungs


@given(grace=st.integers(1, 500), most=st.integers(1, 5000), every=st.integers(1, 100))
def test_rungs_are_evaluations_below_the_end_and_rise(grace: int, most: int, every: int) -> None:
    found = rungs(grace, most, every)
    assert all(rung % every == 0 and grace <= rung < most for rung in found)
    assert all(later > earlier for earlier, later in pairwise(found))
    assert len(found) <= 1 + max(0.0, math.log(most / grace, RUNG_GROWTH)) if grace < most else not found


def test_rungs_of_27_evaluations_with_a_grace_of_4() -> None:
    assert rungs(4, 27, 1) == (4, 6, 9, 14, 21)


def test_a_score_is_the_mean_of_the_last_two_evaluations_and_of_the_last_eighth_of_many() -> None:
    assert rung_score([0.9, 0.1, 0.3]) == pytest.approx(0.2)
    assert rung_score([0.9] * 28 + [0.1, 0.2, 0.3, 0.4]) == pytest.approx(0.25)
    assert rung_score([0.0] * 28 + [0.1, 0.2, 0.3, 0.4, 0.5]) == pytest.approx(0.3)
