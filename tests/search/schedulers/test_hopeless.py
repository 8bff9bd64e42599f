"""Who is given up before the grace period ends, and who is not."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.schedulers.hopeless import FEWEST_PEERS, MARGIN, Hopelessness
from search.schedulers.recovery import Recovery, read_recovery, recovery_of, standing, write_recovery

TABLE = Recovery(shares=(0.1, 0.2, 0.3), standings=(0.3, 0.6, 0.9))
MAX_STEPS = 100


def hopelessness(peers: int = 8, steps: tuple[int, ...] = (10, 20)) -> Hopelessness:
    """Peers that all stand at 0.4 at every step."""
    judge = Hopelessness(MAX_STEPS, TABLE)
    for step in steps:
        for number in range(peers):
            judge.reached("unet", f"peer-{number}", step, 0.4)
    return judge


def follow(judge: Hopelessness, trial_id: str, *mious: float) -> None:
    for number, miou in enumerate(mious, start=1):
        judge.reached("unet", trial_id, 10 * number, miou)


@pytest.mark.parametrize(("value", "hopeless"), [(0.99, True), (1.01, False)])
def test_a_trial_is_hopeless_below_the_margin_of_the_lowest_recovered_standing(value: float, hopeless: bool) -> None:
    judge = hopelessness()
    miou = value * MARGIN * 0.6 * 0.4
    follow(judge, "late", miou, miou)
    assert judge.is_hopeless("unet", "late", 20) is hopeless


def test_the_first_evaluation_alone_decides_nothing() -> None:
    judge = hopelessness()
    follow(judge, "late", 0.001)
    assert not judge.is_hopeless("unet", "late", 10)


def test_few_peers_call_nobody_hopeless() -> None:
    answers = []
    for peers in (FEWEST_PEERS - 1, FEWEST_PEERS):
        judge = hopelessness(peers)
        follow(judge, "late", 0.001, 0.001)
        answers.append(judge.is_hopeless("unet", "late", 20))
    assert answers == [False, True]


def test_other_spaces_are_no_peers() -> None:
    judge = hopelessness()
    for step in (10, 20):
        judge.reached("deeplabv3plus", "late", step, 0.001)
    assert not judge.is_hopeless("deeplabv3plus", "late", 20)
    assert not judge.is_hopeless("nowhere", "late", 20)


@pytest.mark.parametrize("miou", [math.nan, math.inf])
def test_diverged_trials_are_not_judged_and_no_peers(miou: float) -> None:
    judge = hopelessness()
    for number in range(20):
        follow(judge, f"broken-{number}", miou, miou)
    assert not judge.is_hopeless("unet", "broken-0", 20)
    follow(judge, "late", 0.001, 0.001)
    assert judge.is_hopeless("unet", "late", 20)


def test_peers_that_have_learnt_nothing_call_nobody_hopeless() -> None:
    judge = Hopelessness(MAX_STEPS, TABLE)
    for number in range(8):
        follow(judge, f"peer-{number}", 0.0, 0.0)
    assert not judge.is_hopeless("unet", "peer-0", 20)


def test_stopped_trials_still_count_as_behind() -> None:
    """Of 4 peers at 0.8 and 12 at 0.4 the third quartile is 0.5; without the stopped ones it would be 0.8."""
    answers = []
    for told in (False, True):
        judge = Hopelessness(MAX_STEPS, TABLE)
        for number in range(12):
            follow(judge, f"weak-{number}", 0.4)
            if told:
                judge.stopped("unet", f"weak-{number}")
        for number in range(4):
            follow(judge, f"strong-{number}", 0.8, 0.8)
        follow(judge, "late", 0.25, 0.25)
        answers.append(judge.is_hopeless("unet", "late", 20))
    assert answers == [True, False]


@pytest.mark.parametrize(("end", "hopeless"), [(0.9, False), (0.05, True)])
def test_a_trial_of_the_search_that_came_back_widens_the_table(end: float, hopeless: bool) -> None:
    judge = hopelessness()
    follow(judge, "slow", 0.02, 0.02, *(8 * [end]))
    judge.completed("unet", "slow")
    follow(judge, "late", 0.02, 0.02)
    assert judge.is_hopeless("unet", "late", 20) is hopeless


@given(
    st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=6, max_size=12),
    st.floats(0.01, 100),
)
def test_answers_have_no_unit(curves: list[list[float]], factor: float) -> None:
    judges = Hopelessness(MAX_STEPS, TABLE), Hopelessness(MAX_STEPS, TABLE)
    # Values on a grid: the tiny errors of multiplication decide no comparison that is not a tie.
    for number, curve in enumerate(curves):
        for judge, scale in zip(judges, (1.0, factor), strict=True):
            follow(judge, str(number), *(round(value, 2) * scale + 1e-12 * scale for value in curve))
    for number in range(len(curves)):
        for step in (20, 30):
            found = judges[0].is_hopeless("unet", str(number), step)
            other = judges[1].is_hopeless("unet", str(number), step)
            assert found == other


def test_the_table_holds_the_lowest_standing_at_a_share_or_later() -> None:
    steady = [[0.4] * 5 for _ in range(4)]
    late = [0.3, 0.2, 0.2, 0.9, 0.9]
    table = recovery_of([*steady, late])
    assert table.shares == pytest.approx((0.2, 0.4, 0.6, 0.8, 1.0))
    # The late one's means of up to two: 0.3, 0.25, 0.2, 0.55, 0.9. It ends best; all others stand at 1.
    assert table.standings == pytest.approx((0.5, 0.5, 0.5, 1.0, 1.0))
    assert table.lowest(0.1) == 0
    assert table.lowest(0.7) == pytest.approx(0.5)
    assert table.lowest(0.8) == pytest.approx(1.0)


def test_a_standing_is_relative_to_the_third_quartile() -> None:
    assert standing(0.2, [0.1, 0.2, 0.3, 0.4, 0.5]) == pytest.approx(0.5)
    assert standing(0.2, [0.0, 0.0]) is None


@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=30))
def test_between_two_peers_the_quartile_lies_on_a_straight_line(peers: list[float]) -> None:
    assert standing(1.0, peers) == pytest.approx(1.0 / np.quantile(peers, 0.75))


def test_a_table_is_written_and_read(tmp_path: Path) -> None:
    write_recovery(TABLE, tmp_path / "table.csv")
    assert read_recovery(tmp_path / "table.csv") == TABLE


def test_the_table_that_ships_rises_with_the_share() -> None:
    table = read_recovery()
    assert list(table.shares) == sorted(set(table.shares))
    assert list(table.standings) == sorted(table.standings)
    assert 0 < table.standings[0] <= table.standings[-1] <= 1
    assert table.shares[-1] == 1
