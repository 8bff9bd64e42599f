"""The search itself, without Ray: which trial comes next, whether one goes on, and what is written down.

Ray's scheduler and searcher interfaces are thin covers of this class (`search.ray_tune`), and so can be a simulation.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from search.finalists import best_trial, finalist_jobs
from search.history import SearchHistory, TrialHistory, TrialJob
from search.samplers.sampler import SpaceSampler
from search.schedulers.full_length import FullLength
from search.schedulers.registry import SCHEDULERS, SchedulerSettings
from search.schedulers.rule import StoppingRule
from search.settings import SearchSettings
from spaces.space import Space
from trainables.journal import Event

Append = Callable[..., Event]
"""How the controller writes to the journal: `trainables.journal.Journal.append`."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a display shows: a moment of the search.

    Attributes:
        phase: `search` or `finalist`.
        planned: Trials of the phase.
        running: Running trials.
        ended: Number of ended trials of the phase by stop_reason.
        trials: All trials of the phase.
        steps: Steps trained since the phase began in this sitting.
        seconds: Time since then.
    """

    phase: str
    planned: int
    running: tuple[TrialHistory, ...]
    ended: Counter[str]
    trials: tuple[TrialHistory, ...]
    steps: int
    seconds: float


class SearchController:
    """Decides what runs and what stops, and journals it all before anything else sees it.

    The same journal gives the same state: a resumed search goes on from `history` with rungs and sampler as they were.
    All methods may be called from several threads.
    """

    def __init__(
        self,
        settings: SearchSettings,
        history: SearchHistory,
        append: Append,
        on_event: Callable[[Event], None] = lambda event: None,
    ) -> None:
        """Take up a search, new or begun.

        Args:
            settings: The search.
            history: What its journal says so far; kept up to date.
            append: Writes to the journal.
            on_event: Called with each event after it is on disk.
        """
        self.history = history
        self._settings = settings
        self._append = append
        self._on_event = on_event
        self._lock = threading.RLock()
        self._spaces = settings.searched_spaces()
        self._rule = _rule(settings)
        self._full_length = FullLength()
        self._samplers = {
            space.name: SpaceSampler(
                space, settings.search_alg, seed=settings.seed + index, trials=settings.trials_per_space
            )
            for index, space in enumerate(self._spaces)
        }
        self._waiting: list[TrialJob] = []
        self._running: set[str] = set()
        self._phase = "search"
        self._phase_began = time.monotonic()
        self._steps_before = 0
        self._rebuild()

    def begin_phase(self, phase: str) -> None:
        """Go to the search or to the finals; unfinished trials of the phase come first."""
        with self._lock:
            self._phase = phase
            if phase == "finalist":
                known = set(self.history.trials)
                for job in finalist_jobs(self._settings, self.history):
                    if job.trial_id not in known:
                        self._write("proposed", **_job_content(job))
            trials = self.history.of_phase(phase)
            self._waiting = [trial.job for trial in trials if not trial.ended]
            self._steps_before = sum(trial.step for trial in trials)
            self._phase_began = time.monotonic()

    def next_trial(self) -> TrialJob | None:
        """The next trial of the phase to start, or None: there is none now, or none at all (see `phase_done`)."""
        with self._lock:
            if len(self._running) >= self._settings.device.concurrent_trials:
                return None
            job = self._waiting.pop(0) if self._waiting else self._propose()
            if job is not None:
                self._running.add(job.trial_id)
            return job

    def phase_proposed(self) -> bool:
        """Whether all trials of the phase have been handed out."""
        with self._lock:
            return not self._waiting and self._next_space() is None

    def phase_done(self) -> bool:
        """Whether all trials of the phase have ended."""
        with self._lock:
            trials = self.history.of_phase(self._phase)
            return self.phase_proposed() and all(trial.ended for trial in trials)

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
            if trial.ended:
                return False
            step = int(metrics["step"])
            if step <= trial.decided_step:
                # A process that was started again tells of its last evaluation once more.
                return True
            self._write("reported", trial_id=trial_id, step=step, metrics=dict(metrics))
            return self._decide(trial)

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
        """Note that a trial ended for a reason that no rule decided; a trial ends once."""
        with self._lock:
            trial = self.history.trials[trial_id]
            if not trial.ended:
                self._end(trial, stop_reason, error)

    def interrupt(self) -> None:
        """Note that the search is interrupted: what runs may be taken up again."""
        with self._lock:
            for trial_id in sorted(self._running):
                # One that was handed out and never started has not been interrupted in anything.
                if self.history.trials[trial_id].started_at is not None:
                    self._end(self.history.trials[trial_id], "interrupted", None)
            self._running.clear()

    def costed(self, network: str, costs: Mapping[str, float]) -> None:
        """Take in a network's measured costs."""
        with self._lock:
            self._write("costed", network=network, costs=dict(costs))

    def progress(self) -> Progress:
        """A moment of the phase, for a display."""
        with self._lock:
            # Copies, since the display reads them while the search goes on.
            copies = {
                trial.job.trial_id: replace(trial, reports=dict(trial.reports))
                for trial in self.history.of_phase(self._phase)
            }
            trials = tuple(copies.values())
            planned = len(trials)
            if self._phase == "search":
                planned = self._settings.trials_per_space * len(self._spaces)
            return Progress(
                phase=self._phase,
                planned=planned,
                running=tuple(copies[name] for name in sorted(self._running)),
                ended=Counter(trial.stop_reason for trial in trials if trial.ended and trial.stop_reason),
                trials=trials,
                steps=sum(trial.step for trial in trials) - self._steps_before,
                seconds=time.monotonic() - self._phase_began,
            )

    def _rebuild(self) -> None:
        """Bring rungs and samplers to where the journal says they were, and close what a crash left open."""
        for trial in self.history.of_phase("search"):
            reports = {step: report["miou"] for step, report in sorted(trial.reports.items())}
            for step in reports:
                self._rule.decide(trial.job.space, trial.job.trial_id, {s: v for s, v in reports.items() if s <= step})
            if trial.ended:
                self._samplers[trial.job.space].tell(trial)
            else:
                self._samplers[trial.job.space].propose(trial.job.trial_id, trial.job.config)
        for trial in self.history.trials.values():
            if trial.ended:
                continue
            if trial.decided_reason is not None:
                self._end(trial, trial.decided_reason, None)
            elif trial.step > trial.decided_step:
                self._decide(trial)

    def _propose(self) -> TrialJob | None:
        space = self._next_space()
        if space is None:
            return None
        number = len(self.history.of_phase("search", space.name))
        trial_id = f"{space.name}-{number:03d}"
        # The baseline comes first, so that every tuned result is read against it.
        given = space.baseline if number == 0 else None
        job = TrialJob(
            trial_id=trial_id,
            space=space.name,
            phase="search",
            role="baseline" if number == 0 else "proposed",
            seed=self._settings.seed,
            config=self._samplers[space.name].propose(trial_id, given),
        )
        self._write("proposed", **_job_content(job))
        return job

    def _next_space(self) -> Space | None:
        """The space with the fewest trials so far, if one is short of its number."""
        if self._phase != "search":
            return None
        counts = {space.name: len(self.history.of_phase("search", space.name)) for space in self._spaces}
        short = [space for space in self._spaces if counts[space.name] < self._settings.trials_per_space]
        return min(short, key=lambda space: counts[space.name], default=None)

    def _decide(self, trial: TrialHistory) -> bool:
        """Decide about a trial after its latest evaluation; True if it goes on."""
        job = trial.job
        reports = {step: report["miou"] for step, report in trial.reports.items()}
        rule = self._rule if job.phase == "search" else self._full_length
        verdict = rule.decide(job.space, job.trial_id, reports)
        reason = verdict.stop_reason
        # The baseline is what every result is read against: it is always trained to its end.
        if reason == "pruned" and job.role == "baseline":
            reason = None
        if trial.step >= self._settings.max_steps:
            reason = "completed"
        self._write(
            "decided",
            trial_id=job.trial_id,
            step=trial.step,
            stop_reason=reason,
            rung=verdict.rung,
            cutoff=verdict.cutoff,
        )
        if reason:
            self._end(trial, reason, None)
        return reason is None

    def _end(self, trial: TrialHistory, stop_reason: str, error: str | None) -> None:
        self._running.discard(trial.job.trial_id)
        self._write("ended", trial_id=trial.job.trial_id, step=trial.step, stop_reason=stop_reason, error=error)
        if trial.job.phase == "search" and trial.ended:
            self._samplers[trial.job.space].tell(trial)

    def _write(self, event: str, **content: Any) -> None:
        entry = self._append(event, **content)
        self.history.apply(entry)
        self._on_event(entry)


def trials_kept(history: SearchHistory, spaces: Sequence[str]) -> set[str]:
    """Trials whose checkpoints may still be needed: those that can resume, and the best of each space."""
    kept = {name for name, trial in history.trials.items() if not trial.ended}
    for space in spaces:
        for phase in ("search", "finalist"):
            best = best_trial(history, space, phase)
            if best is not None:
                kept.add(best.job.trial_id)
    return kept


def _rule(settings: SearchSettings) -> StoppingRule:
    return SCHEDULERS[settings.scheduler](
        SchedulerSettings(
            rungs=settings.rungs,
            reduction_factor=settings.reduction_factor,
            evaluations=-(-settings.max_steps // settings.eval_every),
        )
    )


def _job_content(job: TrialJob) -> dict[str, Any]:
    return {
        "trial_id": job.trial_id,
        "space": job.space,
        "phase": job.phase,
        "role": job.role,
        "seed": job.seed,
        "config": job.config.model_dump(mode="json"),
        "source_trial_id": job.source_trial_id,
    }
