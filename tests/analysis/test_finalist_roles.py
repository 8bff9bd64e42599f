import math

import pytest

from analysis.finalist_roles import ValidationRuns, is_final_role, rank_of, role_of_rank, standing_role


@pytest.mark.parametrize("rank", [1, 2, 9, 10, 37])
def test_a_role_says_its_rank(rank: int) -> None:
    role = role_of_rank(rank)
    assert rank_of(role) == rank
    assert is_final_role(role)


@pytest.mark.parametrize("role", ["baseline", "proposed", "best-1", "best-0", "best-02", "best-", "bestest", ""])
def test_what_is_no_rank(role: str) -> None:
    assert rank_of(role) is None
    assert is_final_role(role) == (role == "baseline")


def runs(*scores: float, broken: bool = False) -> ValidationRuns:
    return ValidationRuns(scores=dict(enumerate(scores)), broken=broken)


@pytest.mark.parametrize(
    ("by_role", "expected"),
    [
        ({"best": runs(0.5, 0.6), "best-2": runs(0.6, 0.7)}, "best-2"),
        ({"best-2": runs(0.6), "best": runs(0.6)}, "best"),
        ({"best-10": runs(0.6), "best-2": runs(0.6)}, "best-2"),
        ({"best": runs(0.9, broken=True), "best-2": runs(0.1)}, "best-2"),
        ({"best": runs(0.1, broken=True), "best-2": runs(0.2, broken=True)}, "best-2"),
        ({"best": runs(), "best-2": runs(0.1)}, "best-2"),
        ({"best": runs(math.nan), "best-2": runs(math.nan)}, "best"),
        ({"baseline": runs(0.9), "best": runs(0.1)}, "best"),
        ({"baseline": runs(0.9)}, None),
    ],
)
def test_the_highest_on_validation_stands_for_the_space(
    by_role: dict[str, ValidationRuns], expected: str | None
) -> None:
    assert standing_role(by_role) == expected
