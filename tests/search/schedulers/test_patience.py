"""Patience: the recipe's rule."""

import math

from search.schedulers.patience import Patience
from search.schedulers.registry import recipe_patience
from search.schedulers.rule import Action


def stopped_after(patience: int, mious: list[float]) -> int | None:
    """Evaluations until the rule stops the trial; None if it never does."""
    rule = Patience(patience)
    for number, miou in enumerate(mious, start=1):
        if rule.reported("a", number, miou).action == Action.STOP:
            return number
    return None


def test_patience_counts_from_the_best_evaluation() -> None:
    assert stopped_after(2, [0.1, 0.5, 0.4]) is None
    assert stopped_after(2, [0.1, 0.5, 0.4, 0.5]) == 4
    assert stopped_after(2, [0.1, 0.5, 0.4, 0.6, 0.5]) is None


def test_evaluations_without_a_number_wait_too() -> None:
    assert stopped_after(2, [0.1, math.nan, math.nan]) == 3


def test_the_recipes_patience_is_40_of_150_evaluations() -> None:
    assert recipe_patience(150) == 40
    assert stopped_after(recipe_patience(150), [1.0 - step / 1000 for step in range(150)]) == 41
