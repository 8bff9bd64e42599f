"""A search on a simulated clock: the very same controller, scheduler and sampler, without a training.

Workers take trials as Ray's actors do; each evaluation takes the time that its steps take. The driver does one thing
after another: while it proposes or decides, other trials wait for it. Seconds of simulated time pass at once, so that
thousands of trials on a thousand workers take seconds.
"""

import heapq
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from search.controller import SearchController
from search.history import SearchHistory, TrialJob
from search.proposals import Sampler
from search.schedulers.rule import Scheduler
from search.settings import SearchSettings
from search.simulation.curves import Curves
from search.simulation.places import Places
from trainables.journal import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class Durations:
    """How long things take, in seconds; by space what a trial does.

    Attributes:
        step: One optimiser step.
        evaluation: One evaluation on the validation part.
        start: From the end of one trial to the first step of the next on the same worker, or of one that goes on.
        report: What the driver takes to decide about an evaluation, the trial waiting.
        proposal: What the driver takes to propose a trial.
    """

    step: Mapping[str, float]
    evaluation: Mapping[str, float]
    start: Mapping[str, float]
    report: float = 0.0
    proposal: float = 0.0

    @classmethod
    def of_steps(cls, step: Mapping[str, float]) -> "Durations":
        """Durations of which only those of steps are known; the others are nothing."""
        nothing = dict.fromkeys(step, 0.0)
        return cls(step=step, evaluation=nothing, start=nothing)


@dataclass(frozen=True, slots=True)
class Simulated:
    """A simulated search.

    Attributes:
        history: What happened, as a real search's journal would tell it.
        seconds: Simulated wall-clock time.
        busy_seconds: Simulated time that workers were training, by space.
    """

    history: SearchHistory
    seconds: float
    busy_seconds: dict[str, float]


class SimulationCutError(Exception):
    """The simulation was asked to end here, as a search whose process is killed."""


def simulate(
    settings: SearchSettings,
    curves: Curves,
    durations: Durations,
    *,
    samplers: Mapping[str, Sampler] | None = None,
    scheduler: Scheduler | None = None,
    history: SearchHistory | None = None,
    phases: tuple[str, ...] = ("search",),
    cut_after: int | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    places: Places | None = None,
) -> Simulated:
    """Run a search to its end on a simulated clock.

    Args:
        settings: The search; `settings.device.concurrent_trials` is the number of trials at once.
        curves: What each trial scores.
        durations: How long things take.
        samplers: Where configurations come from; None for what the settings say.
        scheduler: What stops trials early; None for what the settings say.
        history: A search that goes on; None for a new one.
        phases: What is simulated; `finalist` for the finals.
        cut_after: Evaluations after which `SimulationCutError` is raised, with `history` as it stands.
        on_event: Called with each event of the journal.
        places: Where trials run; one that finds no room waits, and others that do pass it. None: all find room.

    Raises:
        SimulationCutError: After `cut_after` evaluations.
    """
    history = SearchHistory() if history is None else history
    run = _Run(
        settings,
        curves,
        durations,
        history,
        samplers=samplers,
        scheduler=scheduler,
        on_event=on_event,
        places=places,
    )
    for phase in phases:
        run.phase(phase, cut_after)
    return Simulated(history, run.now, run.busy)


class _Run:
    """A search on a simulated clock, as it goes."""

    def __init__(
        self,
        settings: SearchSettings,
        curves: Curves,
        durations: Durations,
        history: SearchHistory,
        *,
        samplers: Mapping[str, Sampler] | None,
        scheduler: Scheduler | None,
        on_event: Callable[[Event], None],
        places: Places | None,
    ) -> None:
        # The driver's clock: what it does takes its time, and what is due meanwhile waits.
        self.now = 0.0
        self.busy = dict.fromkeys(settings.spaces, 0.0)
        self._settings = settings
        self._curves = curves
        self._durations = durations
        self._history = history
        self._controller = SearchController(
            settings, history, self._append, on_event, samplers=samplers, scheduler=scheduler
        )
        # Trials by the time of their next evaluation; the number keeps the order of those at the same time.
        self._due: list[tuple[float, int, TrialJob, float]] = []
        self._number = 0
        self._reports = 0
        self._places = places
        self._worker_of: dict[str, int] = {}
        self._without_room: list[TrialJob] = []
        self._room_was_left = False

    def phase(self, phase: str, cut_after: int | None) -> None:
        """Run a phase to its end."""
        self._controller.begin_phase(phase)
        while True:
            self._start_waiting()
            while (job := self._controller.next_trial()) is not None:
                if self._history.trials[job.trial_id].started_at is None:
                    self.now += self._durations.proposal
                if not self._started(job):
                    self._without_room.append(job)
            if not self._due:
                break
            due, _, job, taken = heapq.heappop(self._due)
            self.now = max(self.now, due) + self._durations.report
            self.busy[job.space] += taken
            if self._evaluate(job, taken):
                self._plan(job, 0.0)
            elif self._places is not None:
                self._places.release(self._worker_of.pop(job.trial_id), job.space, self.now)
                self._room_was_left = True
            self._reports += 1
            if cut_after is not None and self._reports >= cut_after:
                raise SimulationCutError
        if not self._controller.phase_done():
            raise RuntimeError(f"the simulated search stands still in phase {phase}")

    def _start_waiting(self) -> None:
        """Start the trials that waited for room, those that find some now."""
        if not self._room_was_left:
            return
        self._room_was_left = False
        full: set[str] = set()
        left = []
        for job in self._without_room:
            # What one trial of a space finds no room for, another does not either.
            if job.space in full or not self._started(job):
                full.add(job.space)
                left.append(job)
        self._without_room = left

    def _started(self, job: TrialJob) -> bool:
        """Start a trial, if there is room for it."""
        if self._places is not None:
            worker = self._places.take(job.space, self.now)
            if worker is None:
                return False
            self._worker_of[job.trial_id] = worker
        self._controller.started(job.trial_id)
        self._plan(job, self._durations.start[job.space])
        return True

    def _append(self, event: str, *, wait: bool = True, **content: Any) -> Event:
        """The journal's stand-in: stamps events with simulated time."""
        return {"event": event, "time": self.now, **content}

    def _plan(self, job: TrialJob, start: float) -> None:
        step = self._history.trials[job.trial_id].step
        taken = (
            start + (self._next(step) - step) * self._durations.step[job.space] + self._durations.evaluation[job.space]
        )
        self._number += 1
        heapq.heappush(self._due, (self.now + taken, self._number, job, taken))

    def _next(self, step: int) -> int:
        return min(self._settings.max_steps, (step // self._settings.eval_every + 1) * self._settings.eval_every)

    def _evaluate(self, job: TrialJob, taken: float) -> bool:
        """Report a trial's next evaluation; True if it goes on."""
        trial = self._history.trials[job.trial_id]
        step = self._next(trial.step)
        miou = self._curves.miou(job, step)
        if math.isnan(miou):
            self._controller.ended(job.trial_id, "diverged", "the loss is no number")
            return False
        before = trial.reports[trial.step]["train_seconds"] if trial.reports else 0.0
        if job.phase == "finalist" and step >= self._settings.max_steps:
            self._controller.tested(job.trial_id, {"groups": [], "confusion": []})
        return self._controller.reported(job.trial_id, {"step": step, "miou": miou, "train_seconds": before + taken})
