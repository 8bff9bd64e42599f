"""Asynchronous successive halving (Li et al., arXiv 1810.05934), the form that stops and never pauses."""

import math
from collections.abc import Mapping

from search.schedulers.rule import STOPPED_AT_A_RUNG, StoppingRule, Verdict


def rungs(grace_steps: int, max_steps: int, reduction_factor: int, eval_every: int) -> tuple[int, ...]:
    """Steps at which trials are judged: the grace period times powers of the reduction factor, below `max_steps`.

    Each rung is moved up to the next step at which a trial is evaluated.
    """
    found: list[int] = []
    step = float(grace_steps)
    while step < max_steps:
        rung = math.ceil(step / eval_every) * eval_every
        if rung < max_steps and rung not in found:
            found.append(rung)
        step *= reduction_factor
    return tuple(found)


class Asha(StoppingRule):
    """Of the trials of a space that have reached a rung, the best one in `reduction_factor` goes on.

    A trial at a rung goes on if its mIoU there is among the best ceil(n / reduction_factor) of the n values recorded
    at that rung so far, its own included. The first trial at a rung always goes on.
    """

    def __init__(self, rungs: tuple[int, ...], reduction_factor: int) -> None:
        self._rungs = rungs
        self._reduction_factor = reduction_factor
        self._values: dict[tuple[str, int], dict[str, float]] = {}

    def decide(self, space: str, trial_id: str, reports: Mapping[int, float]) -> Verdict:
        """Judge the trial if its latest evaluation stands at a rung."""
        step = max(reports)
        if step not in self._rungs:
            return Verdict()
        values = self._values.setdefault((space, step), {})
        values[trial_id] = reports[step]
        survivors = math.ceil(len(values) / self._reduction_factor)
        cutoff = sorted(values.values(), reverse=True)[survivors - 1]
        reason = None if reports[step] >= cutoff else STOPPED_AT_A_RUNG
        return Verdict(reason, rung=step, cutoff=cutoff)
