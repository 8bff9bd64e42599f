"""Which of two or more spaces wins, by the difference of their finalists."""

import subprocess
import sys
from dataclasses import replace

import pytest

from analysis.decision import (
    better_by_interval,
    decide,
    preferred,
)
from tests.analysis.decision_studies import PAIR, Points, spread, study


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-3.0, -1.0, "lighter"),
        (0.0, 1.999, "lighter"),
        (0.0, 2.0, None),
        (1.9, 2.1, None),
        (2.1, 4.9, None),
        (1.0, 9.0, None),
        (4.9, 6.0, None),
        (5.0, 6.0, None),
        (5.001, 6.0, "heavier"),
        (None, None, None),
    ],
)
def test_bounds_apply_to_the_whole_interval(low: float | None, high: float | None, expected: str | None) -> None:
    assert preferred(low, high) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.1, 1.0, "challenger"),
        (0.0, 1.0, None),
        (-1.0, 1.0, None),
        (-1.0, -0.1, "reference"),
        (None, None, None),
    ],
)
def test_accuracy_decides_when_the_interval_excludes_0(
    low: float | None, high: float | None, expected: str | None
) -> None:
    assert better_by_interval(low, high) == expected


@pytest.mark.parametrize(
    ("difference", "winner"),
    [(-4.0, "unet"), (1.0, "unet"), (2.1, None), (3.5, None), (4.9, None), (7.0, "deeplabv3plus")],
)
def test_two_spaces(difference: float, winner: str | None) -> None:
    decision = decide(study({"unet": [60.0] * 3, "deeplabv3plus": spread(60 + difference)}))
    assert decision.winner == winner
    assert decision.status == ("undecided" if winner is None else "decided")
    assert decision.settings_of == (None if winner is None else "best")
    (pair,) = decision.pairs
    assert (pair.reference, pair.challenger) == PAIR
    assert pair.difference_points == pytest.approx(difference)
    assert pair.low_points == pytest.approx(difference - 4.302653 * 0.1 / 3**0.5)
    assert pair.high_points == pytest.approx(difference + 4.302653 * 0.1 / 3**0.5)
    assert bool(decision.would_decide) == (winner is None)
    assert decision.sentence.startswith(f"Use {winner}: " if winner else "Undecided (unet or deeplabv3plus): ")


def test_the_order_of_the_spaces_does_not_matter() -> None:
    points: Points = {"unet": [60.0] * 3, "deeplabv3plus": spread(61)}
    reverse = {space: points[space] for space in reversed(list(points))}
    assert decide(study(points)).sentence == decide(study(reverse)).sentence


def test_a_wide_interval_names_the_seeds_that_would_decide() -> None:
    # Half-width 2.48 at 3 seeds; the bound is 1.3 points away, which 5 seeds reach (1.2417).
    decision = decide(study({"unet": [60.0] * 3, "deeplabv3plus": spread(60.7, width=1.0)}))
    assert decision.status == "undecided"
    assert decision.would_decide.startswith("About 2 more seeds of each finalist (5 in all)")


def test_between_the_bounds_the_deployment_decides() -> None:
    results = study({"unet": [60.0] * 3, "deeplabv3plus": spread(63.5)})
    assert "--deployment edge or --deployment server" in decide(results).would_decide
    assert decide(results, deployment="edge").winner == "unet"
    assert decide(results, deployment="server").winner == "deeplabv3plus"


def test_server_is_undecided_when_the_interval_holds_0() -> None:
    decision = decide(study({"unet": [60.0] * 3, "deeplabv3plus": spread(60.7, width=1.0)}), deployment="server")
    assert decision.status == "undecided"
    # 0.7 points away: t(n - 1) / sqrt(n) falls under 0.7 at 11 seeds (0.6718).
    assert "(11 in all)" in decision.would_decide


def test_server_takes_the_lighter_when_it_is_more_accurate() -> None:
    assert decide(study({"unet": [60.0] * 3, "deeplabv3plus": spread(59)}), deployment="server").winner == "unet"


def test_one_run_can_not_tell() -> None:
    decision = decide(study({"unet": [60.0], "deeplabv3plus": [70.0]}))
    assert decision.status == "undecided"
    assert "one run can't tell" in decision.sentence
    assert "3 seeds" in decision.would_decide
    assert decision.pairs[0].low_points is None


def test_several_spaces_need_one_that_beats_all() -> None:
    decided = decide(study({"unet": [60.0] * 3, "unetplusplus": spread(61), "deeplabv3plus": spread(60.5)}))
    assert decided.winner == "unet"
    assert decided.sentence == "Use unet: it wins against deeplabv3plus and unetplusplus."
    assert len(decided.pairs) == 3
    heavy = decide(study({"unet": [60.0] * 3, "unetplusplus": spread(61), "deeplabv3plus": spread(68)}))
    assert heavy.winner == "deeplabv3plus"


def test_an_open_comparison_at_the_top_leaves_all_undecided() -> None:
    decision = decide(study({"unet": [60.0] * 3, "unetplusplus": spread(50), "deeplabv3plus": spread(63.5)}))
    assert decision.status == "undecided"
    assert "unet or deeplabv3plus" in decision.sentence
    assert "unetplusplus" not in decision.sentence


def test_open_comparisons_between_losers_change_nothing() -> None:
    decision = decide(study({"unet": [60.0] * 3, "unetplusplus": spread(50), "deeplabv3plus": spread(53.5)}))
    assert decision.winner == "unet"
    assert None in {pair.winner for pair in decision.pairs}


def test_networks_of_equal_size_are_compared_by_accuracy() -> None:
    results = study({"unet": [60.0] * 3, "deeplabv3plus": spread(61)})
    trials = results.trials.copy()
    trials["parameters"] = 1e6
    # 1 point would be too little for a heavier network.
    decision = decide(replace(results, trials=trials))
    assert decision.winner == "deeplabv3plus"


def test_deciding_loads_no_torch() -> None:
    code = "import sys, analysis.decision; sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
