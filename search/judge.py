"""Scheduler and samplers of a search, told of its events as they happen or once more from its journal."""

import math

from search.history import SearchHistory, TrialHistory, TrialJob, miou_of
from search.proposals import Proposals
from search.schedulers.rule import STOPPED_AT_A_RUNG, Scheduler, Verdict


class Judge:
    """Tells scheduler and samplers of the search phase's events, and hands on what they say.

    Both are told the same of an event whether it happens now or is read off the journal, so that a resumed search has
    rungs and samplers as they were.
    """

    def __init__(self, history: SearchHistory, scheduler: Scheduler, proposals: Proposals) -> None:
        """Take up a search, new or begun; see `replay`.

        Args:
            history: What its journal says so far.
            scheduler: What stops trials early, new.
            proposals: Makes the trials, new.
        """
        self.scheduler = scheduler
        self.proposals = proposals
        self._history = history

    def replay(self) -> dict[str, Verdict]:
        """Tell of all that the journal has.

        Returns:
            What the scheduler says after the last evaluation of each trial.
        """
        verdicts: dict[str, Verdict] = {}
        for kind, name, step in list(self._history.timeline):
            if kind == "exhausted":
                self.scheduler.exhausted(name)
                continue
            trial = self._history.trials[name]
            if trial.job.phase != "search":
                continue
            if kind == "proposed":
                self.proposals.known(trial.job)
                self.added(trial.job)
            elif kind == "reported":
                verdicts[name] = self.reported(trial, step)
            elif kind == "promoted":
                self.scheduler.promoted(name)
            elif kind == "audited":
                self.audited(trial)
            elif kind == "ended":
                self.ended(trial)
        return verdicts

    def added(self, job: TrialJob) -> None:
        """Tell of a trial that was proposed."""
        self.scheduler.added(self.proposals.candidate(job))

    def reported(self, trial: TrialHistory, step: int) -> Verdict:
        """Tell of an evaluation."""
        if trial.job.phase != "search":
            return Verdict()
        miou = miou_of(trial.reports[step])
        value = math.nan if miou is None else miou
        self.proposals.reported(trial, step, value)
        if trial.audited_at is not None and step > trial.audited_at:
            return Verdict()
        return self.scheduler.reported(trial.job.trial_id, step, value)

    def audited(self, trial: TrialHistory) -> None:
        """Tell of a trial that the scheduler is done with, though it is trained on."""
        self.scheduler.ended(trial.job.trial_id, STOPPED_AT_A_RUNG)

    def ended(self, trial: TrialHistory) -> None:
        """Tell of a trial that will never run again."""
        if trial.job.phase == "search":
            if trial.audited_at is None:
                self.scheduler.ended(trial.job.trial_id, trial.stop_reason or "")
            self.proposals.ended(trial)
