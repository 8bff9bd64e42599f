"""What happened to each trial so far, read off the journal."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from spaces.configuration import TrialConfig
from trainables.journal import Event

Phase = str
"""`search` for proposed trials, `finalist` for the re-runs that the verdict rests on."""

FINAL_REASONS = ("completed", "pruned", "patience", "diverged", "out_of_memory", "error", "stopped")
"""Reasons after which a trial never runs again; `interrupted` is the one that a resumed search takes up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialJob:
    """One trial to be trained.

    Attributes:
        trial_id: Name of the trial in every record, for example unet-003.
        space: Name of its space.
        phase: `search` or `finalist`.
        role: `baseline` or `proposed` while searching; `baseline` or `best` for finalists.
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


@dataclass(slots=True)
class TrialHistory:
    """A trial and all that was recorded of it.

    Attributes:
        job: What it trains.
        reports: Metrics of each evaluation by step; an evaluation repeated after a crash replaces the first.
        decided_step: Last step at which the scheduler decided about it.
        decided_reason: Why the scheduler stopped it, or None: it let it go on.
        stop_reason: Why it ended, or None while it may still run.
        error: Trace of the exception that ended it.
        started_at: Time of its first start, seconds since the epoch.
        test: Its evaluation on the test part (finalists).
        notes: What went otherwise than asked without ending it, one line each.
    """

    job: TrialJob
    reports: dict[int, dict[str, float]] = field(default_factory=dict)
    decided_step: int = 0
    decided_reason: str | None = None
    stop_reason: str | None = None
    error: str | None = None
    started_at: float | None = None
    test: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def step(self) -> int:
        """Last evaluated step, 0 before the first evaluation."""
        return max(self.reports, default=0)

    @property
    def best_miou(self) -> float | None:
        """Best foreground mIoU on the validation part so far."""
        return max((report["miou"] for report in self.reports.values() if "miou" in report), default=None)

    @property
    def ended(self) -> bool:
        """Whether it will never run again."""
        return self.stop_reason in FINAL_REASONS


@dataclass(slots=True)
class SearchHistory:
    """All trials of a search, and what else the journal holds.

    Attributes:
        trials: By trial_id, in the order in which they were proposed.
        costs: Measured costs by network, keyed by `repr` of `TrialConfig.network_key()`.
        run_seconds: Wall-clock seconds of all sittings that were closed in good order.
        finished: Whether the search reached its end.
    """

    trials: dict[str, TrialHistory] = field(default_factory=dict)
    costs: dict[str, dict[str, float]] = field(default_factory=dict)
    run_seconds: float = 0.0
    finished: bool = False

    def apply(self, event: Event) -> None:
        """Take in one event of the journal."""
        kind = event["event"]
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
            self.trials[job.trial_id] = TrialHistory(job)
        elif kind == "costed":
            self.costs[event["network"]] = event["costs"]
        elif kind == "closed":
            self.run_seconds += event["seconds"]
            self.finished = event["outcome"] == "finished"
        elif "trial_id" in event:
            self._apply_to_trial(self.trials[event["trial_id"]], event)

    def _apply_to_trial(self, trial: TrialHistory, event: Event) -> None:
        kind = event["event"]
        if kind == "started":
            trial.started_at = trial.started_at or event["time"]
            if not trial.ended:
                trial.stop_reason = None
        elif kind == "reported":
            trial.reports[event["step"]] = event["metrics"]
        elif kind == "decided":
            trial.decided_step = max(trial.decided_step, event["step"])
            trial.decided_reason = event["stop_reason"]
        elif kind == "tested":
            trial.test = event["test"]
        elif kind == "noted":
            trial.notes.append(event["note"])
        elif kind == "ended":
            trial.stop_reason = event["stop_reason"]
            trial.error = event.get("error")

    def of_phase(self, phase: Phase, space: str | None = None) -> list[TrialHistory]:
        """Trials of one phase, of one space or all, in the order in which they were proposed."""
        return [
            trial for trial in self.trials.values() if trial.job.phase == phase and space in (None, trial.job.space)
        ]


def history_of(events: Iterable[Event]) -> SearchHistory:
    """Read a whole journal's events into a history."""
    history = SearchHistory()
    for event in events:
        history.apply(event)
    return history
