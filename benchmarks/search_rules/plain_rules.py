"""Rules that need no tool: every trial to its end, and the recipe's patience."""

import math


class FullBudget:
    """Every trial is trained to its end."""

    def started(self, trial: int) -> None:
        """Nothing to note."""

    def reported(self, trial: int, evaluation: int, miou: float) -> bool:
        """Every trial goes on."""
        return True

    def failed(self, trial: int) -> None:
        """Nothing to note."""


class RandomWithPatience(FullBudget):
    """A trial stops after `patience` evaluations in a row without a new best value."""

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._best: dict[int, tuple[float, int]] = {}

    def reported(self, trial: int, evaluation: int, miou: float) -> bool:
        """Count the evaluations since the best one."""
        best, at = self._best.get(trial, (-math.inf, 0))
        if miou > best:
            self._best[trial] = (miou, evaluation)
            return True
        return evaluation - at < self._patience
