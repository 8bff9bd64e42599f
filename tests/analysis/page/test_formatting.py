"""How numbers are written on the page."""

import math
from collections.abc import Callable

import pytest

from analysis.page.formatting import MISSING, amount, count, duration, score, setting


@pytest.mark.parametrize("write", [amount, count, duration, score, setting])
@pytest.mark.parametrize("value", [None, "", math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_a_dash(write: Callable[[object], str], value: object) -> None:
    assert write(value) == MISSING


def test_amounts_keep_three_digits() -> None:
    assert [amount(value, "ms") for value in (0.0, 0.01234, 7.714, 120.04, 40_352.0)] == [
        "0 ms",
        "0.0123 ms",
        "7.71 ms",
        "120 ms",
        "40,352 ms",
    ]


def test_durations_are_their_two_largest_units() -> None:
    assert [duration(seconds) for seconds in (0.4, 75, 3_600, 90_000)] == ["0 s", "1 min 15 s", "1 h", "1 d 1 h"]
