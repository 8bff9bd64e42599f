"""What happened to each trial so far, read off the journal."""

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from search.schedulers.rule import Action
from spaces.configuration import TrialConfig
from trainables.journal import Event

Phase = str
"""`search` for proposed trials, `finalist` for the re-runs that the verdict rests on."""

FINAL_REASONS = ("completed", "pruned", "patience", "diverged", "out_of_memory", "error", "stopped")
"""Reasons after which a trial never runs again; `interrupted` is the one that a resumed search takes up."""

HEARD_AGAIN = frozenset({"proposed", "reported", "audited", "promoted", "ended", "exhausted"})
"""Events that schedulers and samplers of a resumed search are told once more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialJob:
    """One trial to be trained.

    Attributes:
        trial_id: Name of the trial in every record, for example unet-003.
        space: Name of its space.
        phase: `search` or `finalist`.
        role: `baseline`, `warm_start` or `proposed` while searching; `best`, `best-2`, ... or `baseline` for finalists.
        seed: Varies initial weights and data order.
        config: What it trains.
        source_trial_id: For finalists, the trial whose configuration this is.
    """

    trial_id: str
    space: str
    phase: Phase
    role: str
    seed: int
    config: TrialConfig
    source_trial_id: str | None = None

    def to_event(self) -> dict[str, Any]:
        """The content of its `proposed` event."""
        return {
            "trial_id": self.trial_id,
            "space": self.space,
            "phase": self.phase,
            "role": self.role,
            "seed": self.seed,
            "config": self.config.model_dump(mode="json"),
            "source_trial_id": self.source_trial_id,
        }


@dataclass(slots=True)
class TrialHistory:
    """A trial and all that was recorded of it.

    Attributes:
        job: What it trains.
        reports: Metrics of each evaluation by step.
        step: Last evaluated step, 0 before the first evaluation.
        best_miou: Best foreground mIoU on the validation part so far.
        decided_step: Last step at which the scheduler decided about it.
        decided_reason: Why the scheduler stopped it, or None: it let it go on.
        paused: Whether the scheduler keeps it waiting at a rung.
        audited_at: Step at which it would have been stopped, had it not been drawn to be trained on as a check.
        stop_requested: Whether the user wants it to end.
        stop_reason: Why it ended, or None while it may still run.
        error: Trace of the exception that ended it.
        started_at: Time of its first start, seconds since the epoch.
        test: Its evaluation on the test part (finalists).
        notes: What went otherwise than asked without ending it, one line each.
    """

    job: TrialJob
    reports: dict[int, dict[str, float]] = field(default_factory=dict)
    step: int = 0
    best_miou: float | None = None
    decided_step: int = 0
    decided_reason: str | None = None
    paused: bool = False
    audited_at: int | None = None
    stop_requested: bool = False
    stop_reason: str | None = None
    error: str | None = None
    started_at: float | None = None
    test: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Whether it will never run again."""
        return self.stop_reason in FINAL_REASONS

    def add_report(self, step: int, metrics: dict[str, float]) -> None:
        """Take in an evaluation; each step has one."""
        # Each event that is read brings names of its own: thousands of copies of a few words.
        self.reports[step] = metrics = {sys.intern(name): value for name, value in metrics.items()}
        self.step = max(self.step, step)
        if (miou := miou_of(metrics)) is not None:
            self.best_miou = miou if self.best_miou is None else max(self.best_miou, miou)


def miou_of(metrics: Mapping[str, float | None]) -> float | None:
    """Foreground mIoU of an evaluation; None where it has none or it is no number."""
    miou = metrics.get("miou")
    return miou if miou is not None and math.isfinite(miou) else None


@dataclass(slots=True)
class SearchHistory:
    """All trials of a search, and what else the journal holds.

    Attributes:
        trials: By trial_id, in the order in which they were proposed.
        costs: Measured costs by network, keyed by `repr` of `TrialConfig.network_key()`.
        ensembles: What the journal says of each evaluated ensemble (`search.ensembles`), by its name.
        unjoined: What it says last of each one that could not be evaluated, likewise.
        exhausted: Spaces that get no further trial, with the reason, where they got fewer than planned.
        stopped: Whether the user ended the whole search.
        timeline: What schedulers and samplers must hear again, in its order: kind, trial or space, step.
        run_seconds: Wall-clock seconds of all sittings that are over.
        finished: Whether the search reached its end.
    """

    trials: dict[str, TrialHistory] = field(default_factory=dict)
    costs: dict[str, dict[str, float]] = field(default_factory=dict)
    ensembles: dict[str, Event] = field(default_factory=dict)
    unjoined: dict[str, Event] = field(default_factory=dict)
    exhausted: dict[str, str] = field(default_factory=dict)
    stopped: bool = False
    run_seconds: float = 0.0
    finished: bool = False
    timeline: list[tuple[str, str, int]] = field(default_factory=list)
    _opened_at: float | None = None
    _heard_at: float = 0.0
    _by_phase: dict[tuple[Phase, str], list[TrialHistory]] = field(default_factory=dict)

    def apply(self, event: Event) -> None:
        """Take in one event of the journal."""
        kind = event["event"]
        if kind in HEARD_AGAIN and event.get("stop_reason") != "interrupted":
            self.timeline.append((kind, event.get("trial_id") or event["space"], event.get("step") or 0))
        if kind == "decided" and event.get("audited"):
            self.timeline.append(("audited", event["trial_id"], event["step"]))
        if kind == "proposed":
            job = TrialJob(
                trial_id=event["trial_id"],
                space=event["space"],
                phase=event["phase"],
                role=event["role"],
                seed=event["seed"],
                config=TrialConfig.model_validate(event["config"]),
                source_trial_id=event.get("source_trial_id"),
            )
            trial = self.trials[job.trial_id] = TrialHistory(job)
            self._by_phase.setdefault((job.phase, job.space), []).append(trial)
        elif kind == "costed":
            self.costs[event["network"]] = event["costs"]
        elif kind == "ensembled":
            self.ensembles[event["ensemble"]] = event
            self.unjoined.pop(event["ensemble"], None)
        elif kind == "ensemble_failed":
            self.unjoined[event["ensemble"]] = event
        elif kind == "exhausted":
            self.exhausted[event["space"]] = event["reason"]
        elif kind == "search_stopped":
            self.stopped = True
        elif kind == "opened":
            if self._opened_at is not None:
                # The sitting before was killed: it lasted until its last word.
                self.run_seconds += self._heard_at - self._opened_at
            self._opened_at = event["time"]
        elif kind == "closed":
            self.run_seconds += event["seconds"]
            self.finished = event["outcome"] == "finished"
            self._opened_at = None
        elif "trial_id" in event:
            self._apply_to_trial(self.trials[event["trial_id"]], event)
        self._heard_at = event["time"]

    def _apply_to_trial(self, trial: TrialHistory, event: Event) -> None:
        kind = event["event"]
        if kind == "started":
            trial.started_at = trial.started_at or event["time"]
            if not trial.ended:
                trial.stop_reason = None
        elif kind == "reported":
            trial.add_report(event["step"], event["metrics"])
        elif kind == "decided":
            trial.decided_step = max(trial.decided_step, event["step"])
            trial.decided_reason = event["stop_reason"]
            trial.paused = event.get("action") == Action.PAUSE
            if event.get("audited"):
                trial.audited_at = event["step"]
        elif kind == "promoted":
            trial.paused = False
        elif kind == "audited":
            trial.paused = False
            trial.audited_at = event["step"]
        elif kind == "stop_requested":
            trial.stop_requested = True
        elif kind == "tested":
            trial.test = event["test"]
        elif kind == "noted":
            trial.notes.append(event["note"])
        elif kind == "ended":
            trial.stop_reason = event["stop_reason"]
            trial.error = event.get("error")
            trial.paused = trial.paused and not trial.ended

    def of_phase(self, phase: Phase, space: str | None = None) -> list[TrialHistory]:
        """Trials of one phase, of one space or all, in the order in which they were proposed."""
        if space is not None:
            return self._by_phase.get((phase, space), [])
        return [trial for trial in self.trials.values() if trial.job.phase == phase]


def history_of(events: Iterable[Event]) -> SearchHistory:
    """Read a whole journal's events into a history."""
    history = SearchHistory()
    for event in events:
        history.apply(event)
    return history
