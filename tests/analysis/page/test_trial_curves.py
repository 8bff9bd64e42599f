"""Learning curves as the page's panel of a trial draws them."""

import numpy as np
import pandas as pd

from analysis.page.trial_curves import MOST_POINTS, UNITS, trial_curves


def table(**scores: list[float]) -> pd.DataFrame:
    rows = [
        {"trial_id": name, "step": 10 * (place + 1), "miou": value}
        for name, values in scores.items()
        for place, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["trial_id", "step", "miou"])


def test_trials_share_their_steps_and_follow_the_order_that_is_asked_for() -> None:
    found = trial_curves(["b", "none", "a"], table(a=[0.1, 0.25], b=[0.3, 0.5], c=[0.4]))
    assert found["steps"] == [[10, 20], [10]]
    assert found["at"] == [0, -1, 0]
    assert found["scores"] == [[3000, 5000], [], [1000, 2500]]
    assert found["units"] == UNITS


def test_scores_that_are_no_number_are_left_out() -> None:
    found = trial_curves(["a"], table(a=[np.nan, 0.5, np.inf]))
    assert found["steps"][found["at"][0]] == [20]
    assert found["scores"] == [[5000]]


def test_long_curves_keep_both_ends() -> None:
    scores = np.linspace(0, 1, 1000).tolist()
    found = trial_curves(["a"], table(a=scores))
    assert len(found["scores"][0]) == MOST_POINTS
    assert found["steps"][0][0] == 10
    assert found["steps"][0][-1] == 10_000
    assert found["scores"][0][-1] == UNITS
