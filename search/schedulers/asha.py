"""Asynchronous successive halving (Li et al., arXiv 1810.05934), for a known number of trials.

At each rung one trial in `reduction_factor` goes on, and one more. Two forms:

`late_promotion`: a trial that reaches a rung pauses there until it is certain to be among those that go on, whatever
the trials that may still arrive will be worth; then it goes on from its checkpoint. One that is certain not to be
among them ends. So no trial goes on merely because it came early, and which trials end where is the same for every
number of workers and every order of arrival.

Without it a trial is judged once, when it reaches a rung, against those that reached it before; the first ones at a
rung pass nearly unjudged.

What a trial is worth at a rung is the mean of its last evaluations there (`search.schedulers.rungs`). Before the first
rung only the hopeless end (`search.schedulers.hopeless`); at that rung they count as the last. The place of a trial
that broke or was stopped by the user at a rung, or on its way to the next, goes to the best that waits.
"""

import math

from search.schedulers.comparison import FEWEST_SURVIVORS, Comparison, Entrant, Rung
from search.schedulers.hopeless import Hopelessness
from search.schedulers.rule import STOPPED_AT_A_RUNG, Action, Candidate, Scheduler, Verdict
from search.schedulers.rungs import rung_score
from search.schedulers.settings import SchedulerSettings
from search.schedulers.winning_chances import WinningChances

ALL_SPACES = "all"
"""The one comparison in which all spaces meet when costs are objectives."""

RESERVES = 1
"""Paused trials beyond those that go on which are kept at a rung, in case one of these breaks."""

FEWEST_ON_A_FRONT = 6
"""Trials that go on from every rung where costs are objectives: a front of one or two trials would be none."""

FAILURES = frozenset({"diverged", "out_of_memory", "error", "stopped"})
"""Endings after which another trial takes the place of one that would go on or had gone on."""


class Asha(Scheduler):
    """See the module. Baselines take no part: they are trained to their ends whatever they are worth."""

    def __init__(self, settings: SchedulerSettings) -> None:
        self._settings = settings
        self._late_promotion = settings.late_promotion
        # A cheap network far behind in mIoU may still be the best of its cost.
        self._hopeless = None if settings.costs else Hopelessness(settings.max_steps, settings.recovery)
        self._chances = WinningChances(settings.evaluations) if settings.curve_prediction else None
        names = [ALL_SPACES] if settings.costs else list(settings.trials)
        fewest = FEWEST_ON_A_FRONT if settings.costs else FEWEST_SURVIVORS
        self._comparisons = {name: Comparison(settings.rungs, settings.reduction_factor, fewest) for name in names}
        self._to_come = dict(settings.trials)
        for space, trials in settings.trials.items():
            self._comparison(space).to_come += trials
        self._comparison_of: dict[str, Comparison] = {}

    def added(self, candidate: Candidate) -> None:
        """Expect one trial less, and this one at the first rung."""
        comparison = self._comparison(candidate.space)
        if self._to_come[candidate.space] > 0:
            self._to_come[candidate.space] -= 1
            comparison.to_come -= 1
        if not candidate.baseline:
            comparison.entrants[candidate.trial_id] = Entrant(candidate)
            self._comparison_of[candidate.trial_id] = comparison
            self._approach(comparison, 0, 1)
            if self._chances is not None:
                self._chances.added(candidate.space, candidate.trial_id, candidate.config)

    def exhausted(self, space: str) -> None:
        """Expect no further trial of the space."""
        self._comparison(space).to_come -= self._to_come[space]
        self._to_come[space] = 0

    def reported(self, trial_id: str, step: int, miou: float) -> Verdict:
        """Judge a trial that stands at its next rung."""
        comparison = self._comparison_of.get(trial_id)
        if comparison is None:
            return Verdict()
        entrant = comparison.entrants[trial_id]
        entrant.mious.append(miou)
        self._learn(entrant, step, miou)
        index = entrant.rungs
        if index == len(comparison.rungs):
            return Verdict()
        if step < comparison.rungs[index].step:
            if index > 0 or not self._is_hopeless(entrant, step):
                return Verdict()
            self._arrive(comparison, trial_id, -math.inf)
            return Verdict(Action.STOP, STOPPED_AT_A_RUNG)
        self._arrive(comparison, trial_id, rung_score(entrant.mious))
        verdict = self._judged(comparison, index, trial_id)
        if verdict.action == Action.CONTINUE:
            self._pass(comparison, trial_id)
        elif verdict.action == Action.PAUSE:
            entrant.running = False
            comparison.rungs[index].pause(trial_id)
            self._halted(entrant)
        return verdict

    def ended(self, trial_id: str, stop_reason: str) -> None:
        """The trial takes no further part; what it was worth at the rungs that it reached still counts there."""
        comparison = self._comparison_of.get(trial_id)
        if comparison is None:
            return
        entrant = comparison.entrants[trial_id]
        self._halted(entrant)
        if self._hopeless is not None:
            tell = self._hopeless.completed if stop_reason == "completed" else self._hopeless.stopped
            tell(entrant.candidate.space, trial_id)
        here = comparison.rungs[entrant.rungs - 1] if entrant.rungs else None
        if here is not None:
            here.leave(trial_id)
            if stop_reason in FAILURES:
                here.broke(trial_id)
        if entrant.running and (here is None or trial_id in here.passed):
            self._approach(comparison, entrant.rungs, -1)
        entrant.running = False

    def promotion(self, space: str) -> str | None:
        """The best paused trial of the space that is certain to go on, at the highest rung that has one."""
        comparison = self._comparison(space)
        for index in reversed(range(len(comparison.rungs))):
            rung = comparison.rungs[index]
            if rung.waiting and self._is_open(comparison, index):
                own = (name for name in rung.waiting if comparison.entrants[name].candidate.space == space)
                best = next(own, None)
                if best is not None and rung.place(best) <= comparison.last_place(index):
                    return best
        return None

    def promoted(self, trial_id: str) -> None:
        """Count the trial as gone on from its rung."""
        comparison = self._comparison_of[trial_id]
        comparison.rungs[comparison.entrants[trial_id].rungs - 1].leave(trial_id)
        self._pass(comparison, trial_id)

    def eliminated(self) -> tuple[str, ...]:
        """Paused trials that are certain to be beyond those that go on and their reserves."""
        out: list[str] = []
        for comparison in self._comparisons.values():
            for index, rung in enumerate(comparison.rungs):
                if rung.waiting:
                    out += rung.waiting_beyond(comparison.lowest_place(index) + RESERVES)
        return tuple(out)

    def _comparison(self, space: str) -> Comparison:
        return self._comparisons[ALL_SPACES if self._settings.costs else space]

    def _is_open(self, comparison: Comparison, index: int) -> bool:
        """Whether trials may go on from a rung at all."""
        return True

    def _learn(self, entrant: Entrant, step: int, miou: float) -> None:
        space, trial_id = entrant.candidate.space, entrant.candidate.trial_id
        if self._hopeless is not None:
            self._hopeless.reached(space, trial_id, step, miou)
        if self._chances is not None:
            self._chances.reported(space, trial_id, miou)

    def _halted(self, entrant: Entrant) -> None:
        if self._chances is not None:
            self._chances.halted(entrant.candidate.space, entrant.candidate.trial_id)

    def _is_hopeless(self, entrant: Entrant, step: int) -> bool:
        candidate = entrant.candidate
        return self._hopeless is not None and self._hopeless.is_hopeless(candidate.space, candidate.trial_id, step)

    def _arrive(self, comparison: Comparison, trial_id: str, score: float) -> None:
        """Take a trial in at its next rung."""
        entrant = comparison.entrants[trial_id]
        comparison.rungs[entrant.rungs].add(trial_id, (score, *entrant.candidate.costs))
        self._approach(comparison, entrant.rungs, -1)
        entrant.rungs += 1

    def _approach(self, comparison: Comparison, index: int, trials: int) -> None:
        if index < len(comparison.rungs):
            comparison.rungs[index].approaching += trials

    def _pass(self, comparison: Comparison, trial_id: str) -> None:
        entrant = comparison.entrants[trial_id]
        comparison.rungs[entrant.rungs - 1].passed.add(trial_id)
        self._approach(comparison, entrant.rungs, 1)
        entrant.running = True

    def _judged(self, comparison: Comparison, index: int, trial_id: str) -> Verdict:
        rung = comparison.rungs[index]
        space = comparison.entrants[trial_id].candidate.space
        worthless = rung.points[trial_id][0] == -math.inf
        if worthless or (self._chances is not None and not self._chances.can_still_win(space, trial_id)):
            rung.forfeited.add(trial_id)
            return Verdict(Action.STOP, STOPPED_AT_A_RUNG, rung=rung.step)
        if not self._late_promotion:
            survivors = math.ceil(len(rung.points) / self._settings.reduction_factor)
            cutoff = self._value_at(rung, survivors)
            if rung.place(trial_id) <= survivors or rung.points[trial_id][0] == cutoff:
                return Verdict(rung=rung.step, cutoff=cutoff)
            return Verdict(Action.STOP, STOPPED_AT_A_RUNG, rung=rung.step, cutoff=cutoff)
        cutoff = self._value_at(rung, comparison.lowest_place(index))
        place = rung.place(trial_id)
        if self._is_open(comparison, index) and place <= comparison.last_place(index):
            return Verdict(rung=rung.step, cutoff=cutoff)
        if place > comparison.lowest_place(index) + RESERVES:
            return Verdict(Action.STOP, STOPPED_AT_A_RUNG, rung=rung.step, cutoff=cutoff)
        return Verdict(Action.PAUSE, rung=rung.step, cutoff=cutoff)

    def _value_at(self, rung: Rung, place: int) -> float | None:
        """The mIoU that holds a place at a rung now; None where costs decide, too, or nobody holds it."""
        return None if self._settings.costs else rung.value_at(place)
