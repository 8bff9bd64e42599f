"""Which trials are hopeless before the grace period ends: so far behind that no curve ever came back from there."""

import math
from bisect import bisect_left, insort
from dataclasses import dataclass, field

import numpy as np

from search.schedulers.recovery import BEST_SHARE, Recovery, read_recovery, standing
from search.schedulers.rungs import rung_score

MARGIN = 0.85
"""A trial is hopeless below this times the lowest standing that was ever recovered from: the curves that are known
are few, and those of other data and models are others."""

FEWEST_EVALUATIONS = 2
"""Evaluations that a trial must have had: the first one alone may be any number."""

FEWEST_PEERS = 4
"""Other trials that must have come as far before any is called hopeless."""


@dataclass(slots=True)
class _Known:
    """What is known of the trials of one space.

    Attributes:
        mious: Evaluations of each trial, in their order.
        scores: By step, what each trial that came so far was worth there.
        ranked: By step, those of the scores that are finite, ascending.
        steps: The last step of each trial.
        stopped: The last steps of trials that ended before their training's end, ascending.
        recovered: By step, the lowest standing there of trials that were completed and are among the best.
    """

    mious: dict[str, list[float]] = field(default_factory=dict)
    scores: dict[int, dict[str, float]] = field(default_factory=dict)
    ranked: dict[int, list[float]] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    stopped: list[int] = field(default_factory=list)
    recovered: dict[int, float] = field(default_factory=dict)

    def standing(self, trial_id: str, step: int) -> float | None:
        """A trial's standing among the others that came as far; None where it can't be told."""
        value = self.scores.get(step, {}).get(trial_id, math.nan)
        if not math.isfinite(value):
            return None
        peers = self.ranked[step].copy()
        del peers[bisect_left(peers, value)]
        if len(peers) < FEWEST_PEERS:
            return None
        # Those that were stopped earlier were behind: without them, whoever is left would seem worse than it is.
        return standing(value, [0.0] * bisect_left(self.stopped, step) + peers)


class Hopelessness:
    """Judges by the recorded curves' table and by the search's own trials that came back.

    Trials without any finite value are not judged: whether they diverged is not asked here. Its answers follow from the
    calls alone, so that a resumed search gives the same ones.
    """

    def __init__(self, max_steps: int, recovery: Recovery | None = None) -> None:
        """Start without any trial.

        Args:
            max_steps: Optimiser steps of a full training.
            recovery: The table; the one that ships with the package unless another is given.
        """
        self._max_steps = max_steps
        self._recovery = read_recovery() if recovery is None else recovery
        self._spaces: dict[str, _Known] = {}

    def reached(self, space: str, trial_id: str, step: int, miou: float) -> None:
        """Take in an evaluation; those of a trial come in their order."""
        known = self._spaces.setdefault(space, _Known())
        mious = known.mious.setdefault(trial_id, [])
        mious.append(miou)
        score = rung_score(mious)
        known.scores.setdefault(step, {})[trial_id] = score
        ranked = known.ranked.setdefault(step, [])
        if math.isfinite(score):
            insort(ranked, score)
        known.steps[trial_id] = step

    def stopped(self, space: str, trial_id: str) -> None:
        """Take in that a trial was ended before its training's end, for whatever reason."""
        known = self._spaces.setdefault(space, _Known())
        insort(known.stopped, known.steps.get(trial_id, 0))

    def completed(self, space: str, trial_id: str) -> None:
        """Take in that a trial was trained to its end: if it ended well, its lowest standings can be recovered from."""
        known = self._spaces.setdefault(space, _Known())
        last = {name: rung_score(mious) for name, mious in known.mious.items()}
        finite = [score for score in last.values() if math.isfinite(score)]
        if not finite or not last.get(trial_id, -math.inf) >= np.quantile(finite, 1 - BEST_SHARE):
            return
        for step, scores in known.scores.items():
            if trial_id in scores:
                found = known.standing(trial_id, step)
                if found is not None:
                    known.recovered[step] = min(found, known.recovered.get(step, 1.0))

    def is_hopeless(self, space: str, trial_id: str, step: int) -> bool:
        """Whether a trial that reached `step` can be given up. Asking changes nothing."""
        known = self._spaces.get(space)
        if known is None or len(known.mious.get(trial_id, ())) < FEWEST_EVALUATIONS:
            return False
        found = known.standing(trial_id, step)
        if found is None:
            return False
        own = min((lowest for later, lowest in known.recovered.items() if later >= step), default=1.0)
        return found < MARGIN * min(own, self._recovery.lowest(step / self._max_steps))
