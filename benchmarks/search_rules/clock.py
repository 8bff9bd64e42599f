"""A simulated clock for others' rules: workers take trials, trials report, the rule decides."""

import heapq
import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Rule(Protocol):
    """A stopping rule as the clock drives it. Trials and evaluations are counted from 0 and from 1."""

    def started(self, trial: int) -> None:
        """A trial begins."""

    def reported(self, trial: int, evaluation: int, miou: float) -> bool:
        """A trial was evaluated, its last evaluation included; whether it goes on."""

    def failed(self, trial: int) -> None:
        """A trial diverged, and its training ended by itself."""


class Trials(Protocol):
    """Where the trials' curves come from."""

    def begin(self, trial: int) -> tuple[NDArray[np.float64], float]:
        """The curve of a trial that starts now, and its seconds from one evaluation to the next."""


def run_rule(
    rule: Rule, trials: Trials, *, count: int, evaluations: int, workers: int
) -> tuple[NDArray[np.int64], float]:
    """Run `count` trials in their order on a simulated clock.

    A training that diverges ends by itself at that evaluation, whatever the rule says: every contender is given the
    same trainer.

    Args:
        rule: Decides which trials go on.
        trials: The curves.
        count: Number of trials.
        evaluations: Evaluations of a full training.
        workers: Trials at once.

    Returns:
        Evaluations that each trial was trained for, and the wall-clock time in seconds.
    """
    spent = np.zeros(count, dtype=np.int64)
    running: dict[int, tuple[list[float], float]] = {}
    due: list[tuple[float, int, int]] = []
    now, started = 0.0, 0
    while True:
        while len(due) < workers and started < count:
            curve, seconds = trials.begin(started)
            rule.started(started)
            running[started] = ([float(value) for value in curve], seconds)
            heapq.heappush(due, (now + seconds, started, 1))
            started += 1
        if not due:
            return spent, now
        now, trial, evaluation = heapq.heappop(due)
        mious, seconds = running[trial]
        miou = mious[evaluation - 1]
        spent[trial] = evaluation
        if math.isnan(miou):
            rule.failed(trial)
        elif rule.reported(trial, evaluation, miou) and evaluation < evaluations:
            heapq.heappush(due, (now + seconds, trial, evaluation + 1))
