"""What a search knows of its trials, in the form in which Optuna's samplers take it into account.

Optuna's TPE holds a running trial for a bad one whatever it has reported, passes over failed ones, and in a study of
several objectives sees nothing of the evaluations of a stopped one. Here

- a running or paused trial that has been evaluated counts like one that was stopped there;
- a trial that diverged or ran out of memory counts as the worst of those that were stopped, so that its neighbourhood
  is avoided;
- of several objectives, stopped trials are ranked by a constraint that they violate: the longer trained, and then the
  better, the less.

All this follows from the trials alone, never from the order in which they were heard of.
"""

from collections.abc import Sequence

import numpy as np
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.samplers.trial_states import STOP_REASON

MOST_TRIALS = 100
"""Trials that a proposal rests on, at most.

What TPE costs grows with them. It weighs old trials down itself, all but the last 25, and calls at most 25 of them
good; so of more trials the best and the latest are kept.
"""

BEST_KEPT = 25

_AVOIDED = ("diverged", "out_of_memory")
_CONSTRAINT = "trained to the end"


class Evidence:
    """Turns the trials of a study into evidence; what has not changed is kept from proposal to proposal."""

    def __init__(self, directions: Sequence[StudyDirection]) -> None:
        """Start without any trial.

        Args:
            directions: Of the study's objectives.
        """
        self._directions = tuple(directions)
        self._known: dict[int, tuple[FrozenTrial, FrozenTrial | None]] = {}

    def of(self, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """Evidence of trials, in their order, `MOST_TRIALS` of them at most.

        Args:
            trials: As a study has them; it replaces a trial's object when the trial changes.
        """
        found = [evidence for trial in trials if (evidence := self._of(trial)) is not None]
        chosen = _most_telling(found, self._directions)
        # The trial that asks has number 0.
        for number, evidence in enumerate(chosen, start=1):
            evidence.number = number
        return chosen

    def _of(self, trial: FrozenTrial) -> FrozenTrial | None:
        known = self._known.get(trial.number)
        if known is not None and known[0] is trial:
            return known[1]
        evidence = _evidence(trial, several=len(self._directions) > 1)
        self._known[trial.number] = (trial, evidence)
        return evidence


def _evidence(trial: FrozenTrial, *, several: bool) -> FrozenTrial | None:
    """A trial as samplers see it; None: not at all."""
    reports = trial.intermediate_values
    if trial.state == TrialState.COMPLETE:
        return create_trial(
            state=TrialState.COMPLETE, values=trial.values, params=trial.params, distributions=trial.distributions
        )
    if trial.state == TrialState.FAIL:
        if trial.user_attrs.get(STOP_REASON) not in _AVOIDED:
            return None
        reports = {}
    elif not reports:
        # Of one that was proposed and not evaluated yet only its place is known.
        return create_trial(state=TrialState.RUNNING, params=trial.params, distributions=trial.distributions)
    return create_trial(
        state=TrialState.PRUNED,
        params=trial.params,
        distributions=trial.distributions,
        intermediate_values={} if several else dict(reports),
        constraints={_CONSTRAINT: _violation(reports)} if several else None,
    )


def _violation(reports: dict[int, float]) -> float:
    """1 for a trial without evaluations; the less, the longer and then the better one was trained."""
    if not reports:
        return 1.0
    step = max(reports)
    return 1.0 / (1.0 + step + min(max(reports[step], 0.0), 1.0))


def _most_telling(trials: list[FrozenTrial], directions: Sequence[StudyDirection]) -> list[FrozenTrial]:
    """The best and the latest trials, in their order."""
    if len(trials) <= MOST_TRIALS:
        return trials
    places = range(len(trials))
    best = _best_first(trials, directions)[:BEST_KEPT]
    kept = set(best)
    kept.update([place for place in reversed(places) if place not in kept][: MOST_TRIALS - len(kept)])
    return [trials[place] for place in sorted(kept)]


def _best_first(trials: Sequence[FrozenTrial], directions: Sequence[StudyDirection]) -> list[int]:
    """Places of the trials that have something to show, in the order in which TPE calls them good."""
    complete = [place for place, trial in enumerate(trials) if trial.state == TrialState.COMPLETE]
    pruned = [place for place, trial in enumerate(trials) if trial.state == TrialState.PRUNED]
    if len(directions) == 1:
        complete.sort(key=lambda place: trials[place].values[0], reverse=True)
        pruned.sort(key=lambda place: max(trials[place].intermediate_values.items(), default=(-1, 0.0)), reverse=True)
        return complete + pruned
    pruned.sort(key=lambda place: trials[place].constraints[_CONSTRAINT])
    return _front_first(trials, complete, directions) + pruned


def _front_first(
    trials: Sequence[FrozenTrial], complete: Sequence[int], directions: Sequence[StudyDirection]
) -> list[int]:
    """The non-dominated ones first, each part by mIoU."""
    if not complete:
        return []
    import moocore

    signs = np.array([-1.0 if direction == StudyDirection.MAXIMIZE else 1.0 for direction in directions])
    losses = np.array([trials[place].values for place in complete]) * signs
    on_front = moocore.is_nondominated(losses, keep_weakly=True)
    order = sorted(range(len(complete)), key=lambda index: (not on_front[index], losses[index, 0]))
    return [complete[index] for index in order]
