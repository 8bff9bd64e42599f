"""The list of hyperparameters by how strongly they went along with the score."""

import pandas as pd

from analysis.page.importance import MOST_SHOWN, make_importance


def test_the_strongest_come_first_and_the_unknown_not_at_all() -> None:
    table = pd.DataFrame(
        [("a", "x", 0.25), ("a", "x", 0.25), ("a", "y", 0.5), ("a", "z", float("nan")), ("b", "x", 1.0)],
        columns=["space", "parameter", "association"],
    )
    found = make_importance(table)
    assert [(one.parameter, one.association, one.width) for one in found["a"]] == [
        ("y", "0.50", 50.0),
        ("x", "0.25", 25.0),
    ]
    assert [one.parameter for one in found["b"]] == ["x"]


def test_a_long_list_is_cut() -> None:
    table = pd.DataFrame(
        {"space": "a", "parameter": [f"p{number}" for number in range(30)], "association": [n / 30 for n in range(30)]}
    )
    assert len(make_importance(table)["a"]) == MOST_SHOWN
