"""The search itself, without Ray: which trial comes next, whether one goes on, and what is written down.

Ray's scheduler and searcher interfaces are thin covers of this class (`search.ray_tune`), and so is the simulation.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from search.audit import is_audited
from search.finalists import finalist_jobs
from search.history import SearchHistory, TrialHistory, TrialJob
from search.judge import Judge
from search.progress import Progress, progress_of
from search.proposals import Proposals, Sampler, make_samplers
from search.schedulers.registry import make_scheduler
from search.schedulers.rule import STOPPED_AT_A_RUNG, Action, Scheduler, Verdict
from search.settings import SearchSettings
from trainables.journal import Event

Append = Callable[..., Event]
"""How the controller writes to the journal: `trainables.journal.Journal.append`."""

STOPPED_BY_THE_USER = "stopped"

_CHANGE_NOTHING_FOR_OTHERS = frozenset({"reported", "started", "tested", "noted", "costed", "ensembled"})
"""Events after which there is no trial to start that was not there before."""


class SearchController:
    """Decides what runs and what stops, and journals it all before anything else sees it.

    The same journal gives the same state: a resumed search goes on from `history` with rungs and samplers as they were.
    All methods may be called from several threads.
    """

    def __init__(
        self,
        settings: SearchSettings,
        history: SearchHistory,
        append: Append,
        on_event: Callable[[Event], None] = lambda event: None,
        *,
        samplers: Mapping[str, Sampler] | None = None,
        scheduler: Scheduler | None = None,
    ) -> None:
        """Take up a search, new or begun.

        Args:
            settings: The search.
            history: What its journal says so far; kept up to date.
            append: Writes to the journal.
            on_event: Called with each event after it is on disk.
            samplers: Where each space's configurations come from; None for what the settings say.
            scheduler: What stops trials early, new; None for what the settings say.
        """
        self.history = history
        self._settings = settings
        self._append = append
        self._on_event = on_event
        self._lock = threading.RLock()
        self._scheduler = make_scheduler(settings) if scheduler is None else scheduler
        self._proposals = Proposals(settings, history, make_samplers(settings) if samplers is None else samplers)
        self._judge = Judge(history, self._scheduler, self._proposals)
        self._waiting: list[TrialJob] = []
        self._running: set[str] = set()
        self._halted: str | None = None
        # Whether there was no trial to hand out, and nothing has changed since.
        self._exhausted_for_now = False
        self._phase = "search"
        self._phase_began = time.monotonic()
        self._steps_before = 0
        self._close_what_a_crash_left_open(self._judge.replay())
        # The user's stops may arrive before the first phase begins: what waits must be known to them.
        self.begin_phase("search")
        self._stop_what_the_user_stopped()

    def begin_phase(self, phase: str) -> None:
        """Go to the search or to the finals; unfinished trials of the phase come first."""
        with self._lock:
            self._phase = phase
            if phase == "finalist" and not self.history.stopped:
                known = set(self.history.trials)
                for job in finalist_jobs(self._settings, self.history):
                    if job.trial_id not in known:
                        self._write("proposed", **job.to_event())
            trials = self.history.of_phase(phase)
            self._waiting = [trial.job for trial in trials if not trial.ended and not trial.paused]
            self._steps_before = sum(trial.step for trial in trials)
            self._phase_began = time.monotonic()
            self._exhausted_for_now = False
            self._settle()

    def next_trial(self) -> TrialJob | None:
        """The next trial of the phase to start, or None: there is none now, or none at all (see `phase_done`).

        Trials that were interrupted come first, then paused ones that go on, then new ones.
        """
        with self._lock:
            if self._halted or len(self._running) >= self._settings.device.concurrent_trials:
                return None
            # Asked after every evaluation of a thousand workers, this must not look at all trials each time.
            if self._exhausted_for_now:
                return None
            job = self._waiting.pop(0) if self._waiting else self._promote() or self._propose()
            if job is not None:
                self._running.add(job.trial_id)
            self._exhausted_for_now = job is None
            return job

    def phase_done(self) -> bool:
        """Whether all trials of the phase have ended and no more come.

        Not before can it be known that `next_trial` has handed out its last: what runs may pause, and go on later.
        """
        with self._lock:
            # What runs has not ended: the usual answer, without a look at all trials.
            if self._running or self._next_space() is not None:
                return False
            return all(trial.ended for trial in self.history.of_phase(self._phase))

    def started(self, trial_id: str) -> None:
        """Note that a trial's training begins or goes on."""
        with self._lock:
            self._write("started", trial_id=trial_id)

    def reported(self, trial_id: str, metrics: Mapping[str, float]) -> bool:
        """Take in an evaluation and decide.

        Args:
            trial_id: The trial.
            metrics: Its flat metrics, `step` and `miou` among them.

        Returns:
            Whether the trial goes on.
        """
        with self._lock:
            trial = self.history.trials[trial_id]
            if trial.ended or trial.paused:
                return False
            step = int(metrics["step"])
            if step <= trial.decided_step:
                # A process that was started again tells of its last evaluation once more.
                return True
            # What is decided on it follows at once, and both are on disk before anybody acts on it.
            self._write("reported", wait=False, trial_id=trial_id, step=step, metrics=dict(metrics))
            verdict = self._judge.reported(trial, step)
            self._decide(trial, verdict)
            goes_on = not trial.ended and not trial.paused
            # Between rungs nothing changes for others, except that a space's time may be spent.
            if verdict.rung is not None or not goes_on:
                self._settle()
            elif self._settings.device_seconds_per_space is not None:
                self._next_space()
            return goes_on

    def tested(self, trial_id: str, test: Mapping[str, Any]) -> None:
        """Take in a finalist's evaluation on the test part."""
        with self._lock:
            self._write("tested", trial_id=trial_id, test=dict(test))

    def noted(self, trial_id: str, note: str) -> None:
        """Take in what went otherwise than asked in a trial that goes on; the same note counts once."""
        with self._lock:
            if note not in self.history.trials[trial_id].notes:
                self._write("noted", trial_id=trial_id, note=note)

    def ended(self, trial_id: str, stop_reason: str, error: str | None = None) -> None:
        """Note that a trial ended for a reason that no scheduler decided; a trial ends once.

        What becomes of the process of a trial that paused means nothing: its checkpoint is in the store.
        """
        with self._lock:
            trial = self.history.trials[trial_id]
            if not trial.ended and not trial.paused:
                self._end(trial, stop_reason, error)
                self._settle()

    def interrupt(self) -> None:
        """Note that the search is interrupted: what runs or is paused may be taken up again."""
        with self._lock:
            # Those too that a killed process left running and that have not gone on since.
            for trial in self.history.trials.values():
                if trial.started_at is not None and trial.stop_reason is None:
                    self._end(trial, "interrupted", None)
            self._running.clear()

    def halt(self, reason: str) -> None:
        """Hand out nothing more in this sitting, since nothing can be kept; what runs is interrupted."""
        with self._lock:
            self._halted = self._halted or reason

    @property
    def halted(self) -> str | None:
        """Why nothing more is handed out in this sitting, or None."""
        return self._halted

    def costed(self, network: str, costs: Mapping[str, float]) -> None:
        """Take in a network's measured costs."""
        with self._lock:
            self._write("costed", network=network, costs=dict(costs))

    def ensembled(
        self, name: str, *, spaces: Sequence[str], seed: int, members: Sequence[str], test: Mapping[str, Any]
    ) -> None:
        """Take in an ensemble's evaluation on the test part (`search.ensembles.EnsembleJob`)."""
        with self._lock:
            self._write(
                "ensembled", ensemble=name, spaces=list(spaces), seed=seed, members=list(members), test=dict(test)
            )

    def ensemble_failed(self, name: str, *, spaces: Sequence[str], seed: int, reason: str, final: bool) -> None:
        """Take in why an ensemble could not be evaluated; the same reason counts once.

        `final` says that trying again is of no use.
        """
        with self._lock:
            known = self.history.unjoined.get(name)
            if known is None or (known["reason"], known["final"]) != (reason, final):
                self._write(
                    "ensemble_failed", ensemble=name, spaces=list(spaces), seed=seed, reason=reason, final=final
                )

    def stop_trial(self, trial_id: str) -> None:
        """End a trial for the user: at its next evaluation if it runs, at once otherwise."""
        with self._lock:
            self._stop(self.history.trials[trial_id])
            self._settle()

    def stop_space(self, space: str) -> None:
        """End a space for the user: all its trials of the search, and no new ones; its finals still run."""
        with self._lock:
            if space not in self.history.exhausted:
                self._exhaust(space, STOPPED_BY_THE_USER)
            for trial in self.history.of_phase("search", space):
                self._stop(trial)
            self._settle()

    def stop_search(self) -> None:
        """End the search for the user: all its trials, those of the finals too, and no new ones."""
        with self._lock:
            if not self.history.stopped:
                self._write("search_stopped")
            for space in self._settings.spaces:
                self.stop_space(space)
            for trial in self.history.of_phase("finalist"):
                self._stop(trial)

    def progress(self) -> Progress:
        """A moment of the phase, for a display."""
        with self._lock:
            return progress_of(
                self._settings,
                self.history,
                self._phase,
                running=sorted(self._running),
                steps_before=self._steps_before,
                seconds=time.monotonic() - self._phase_began,
            )

    def _close_what_a_crash_left_open(self, verdicts: Mapping[str, Verdict]) -> None:
        """Finish what the killed process had begun and not journaled to its end.

        Args:
            verdicts: What the scheduler said after the last evaluation of each trial.
        """
        for trial in self.history.trials.values():
            if trial.ended:
                continue
            if trial.decided_reason is not None:
                self._end(trial, trial.decided_reason, None)
            elif trial.step > trial.decided_step:
                self._decide(trial, verdicts.get(trial.job.trial_id, Verdict()))
            elif trial.stop_requested:
                self._end(trial, STOPPED_BY_THE_USER, None)

    def _stop_what_the_user_stopped(self) -> None:
        """Go on with stops that the killed process had begun."""
        for space, reason in list(self.history.exhausted.items()):
            if reason == STOPPED_BY_THE_USER:
                self.stop_space(space)
        if self.history.stopped:
            self.stop_search()

    def _propose(self) -> TrialJob | None:
        space = self._next_space()
        if space is None:
            return None
        job = self._proposals.job(space)
        self._write("proposed", **job.to_event())
        self._judge.added(job)
        return job

    def _next_space(self) -> Any:
        if self._phase != "search" or self.history.stopped:
            return None
        return self._proposals.next_space(self._exhaust)

    def _promote(self) -> TrialJob | None:
        if self._phase != "search":
            return None
        for space in self._settings.spaces:
            trial_id = self._scheduler.promotion(space)
            if trial_id is not None:
                self._write("promoted", trial_id=trial_id)
                self._scheduler.promoted(trial_id)
                return self.history.trials[trial_id].job
        return None

    def _decide(self, trial: TrialHistory, verdict: Verdict) -> None:
        """Decide about a trial after its latest evaluation."""
        job, action, reason = trial.job, verdict.action, verdict.stop_reason
        audited = False
        if trial.stop_requested:
            action, reason = Action.STOP, STOPPED_BY_THE_USER
        elif trial.step >= self._settings.max_steps:
            action, reason = Action.STOP, "completed"
        elif reason == STOPPED_AT_A_RUNG and self._is_audited(trial):
            action, reason, audited = Action.CONTINUE, None, True
        self._write(
            "decided",
            trial_id=job.trial_id,
            step=trial.step,
            action=action.value,
            stop_reason=reason,
            rung=verdict.rung,
            cutoff=verdict.cutoff,
            audited=audited,
        )
        if audited:
            self._judge.audited(trial)
        if action == Action.PAUSE:
            self._running.discard(job.trial_id)
        if reason:
            self._end(trial, reason, None)

    def _settle(self) -> None:
        """End paused trials that will not go on; without anything else to do, all of them."""
        if self._phase != "search":
            return
        # Asked first, since a space whose time is spent lets the scheduler expect fewer.
        more = self._next_space() is not None
        for trial_id in self._scheduler.eliminated():
            self._leave_paused(self.history.trials[trial_id])
        if self._running or self._waiting or more:
            return
        if any(self._scheduler.promotion(space) is not None for space in self._settings.spaces):
            return
        for trial in self.history.of_phase("search"):
            if trial.paused:
                self._leave_paused(trial)

    def _leave_paused(self, trial: TrialHistory) -> None:
        if self._is_audited(trial):
            self._write("audited", trial_id=trial.job.trial_id, step=trial.step)
            self._judge.audited(trial)
            self._waiting.append(trial.job)
        else:
            self._end(trial, STOPPED_AT_A_RUNG, None)

    def _is_audited(self, trial: TrialHistory) -> bool:
        return trial.audited_at is None and is_audited(
            self._settings.seed, trial.job.trial_id, self._settings.audit_fraction
        )

    def _exhaust(self, space: str, reason: str) -> None:
        self._write("exhausted", space=space, reason=reason)
        self._scheduler.exhausted(space)

    def _stop(self, trial: TrialHistory) -> None:
        if trial.ended or trial.stop_requested:
            return
        self._write("stop_requested", trial_id=trial.job.trial_id)
        if trial.job.trial_id not in self._running:
            self._waiting = [job for job in self._waiting if job.trial_id != trial.job.trial_id]
            self._end(trial, STOPPED_BY_THE_USER, None)

    def _end(self, trial: TrialHistory, stop_reason: str, error: str | None) -> None:
        self._running.discard(trial.job.trial_id)
        self._write("ended", trial_id=trial.job.trial_id, step=trial.step, stop_reason=stop_reason, error=error)
        if trial.ended:
            self._judge.ended(trial)

    def _write(self, event: str, *, wait: bool = True, **content: Any) -> None:
        entry = self._append(event, wait=wait, **content)
        self.history.apply(entry)
        if event not in _CHANGE_NOTHING_FOR_OTHERS and not _lets_go_on_between_rungs(entry):
            self._exhausted_for_now = False
        self._on_event(entry)


def _lets_go_on_between_rungs(event: Event) -> bool:
    """Whether an event is a decision that changes nothing for other trials."""
    return event["event"] == "decided" and event["rung"] is None and event["action"] == Action.CONTINUE.value
