"""Where compute went, worked out from the journal: stretches of training, and what became of trials at the rungs."""

import heapq
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from analysis.compute_tables import AUDITED, PASSED, PAUSED, PROMOTED, RESTARTED, STOPPED
from search.history import miou_of
from search.schedulers.rule import Action
from search.schedulers.rungs import rung_score
from trainables.journal import Event


@dataclass(kw_only=True, slots=True)
class Stretch:
    """One row of `analysis.compute_tables.stretches_frame`; `lane` is given at the end."""

    trial_id: str
    space: str
    phase: str
    sitting: int
    start_seconds: float
    end_seconds: float
    first_step: int
    last_step: int
    ending: str = ""
    lane: int = 0


@dataclass(kw_only=True, slots=True)
class Decision:
    """One row of `analysis.compute_tables.decisions_frame`."""

    trial_id: str
    space: str
    rung: int
    seconds: float
    score: float
    cutoff: float
    outcome: str


@dataclass(slots=True)
class _Trial:
    space: str
    phase: str
    step: int = 0
    mious: dict[int, float] = field(default_factory=dict)
    running: Stretch | None = None
    waiting: Decision | None = None


class ComputeRecords:
    """Takes the journal's events in their order, and keeps what the two tables need.

    Time is counted while the search runs: the hours between two of its sittings are left out.
    """

    def __init__(self) -> None:
        """Begin before the first event."""
        self.stretches: list[Stretch] = []
        self.decisions: list[Decision] = []
        self._trials: dict[str, _Trial] = {}
        self._sitting = 0
        self._began: float | None = None
        self._heard_at = 0.0

    def take(self, event: Event) -> None:
        """Take in one event."""
        kind = event["event"]
        if self._began is None:
            self._began = event["time"]
        elif kind == "opened":
            # What the sitting before left running ended with it; the time until now belongs to none.
            for trial in self._trials.values():
                self._end(trial, self._seconds(self._heard_at), "interrupted")
            self._began += event["time"] - self._heard_at
        self._heard_at = event["time"]
        if kind == "opened":
            self._sitting += 1
        elif kind == "proposed":
            self._trials[event["trial_id"]] = _Trial(event["space"], event["phase"])
        elif "trial_id" in event:
            self._take_of_trial(event, self._trials[event["trial_id"]])

    def finish(self) -> None:
        """Close the books: what still runs ends with the last event, and every stretch gets its lane."""
        for trial in self._trials.values():
            self._end(trial, self._seconds(self._heard_at), "")
        _give_lanes(self.stretches)

    def _seconds(self, time: float) -> float:
        return max(0.0, time - (self._began or 0.0))

    def _take_of_trial(self, event: Event, trial: _Trial) -> None:
        kind, now = event["event"], self._seconds(event["time"])
        if kind == "started":
            self._end(trial, now, RESTARTED)
            trial.running = Stretch(
                trial_id=event["trial_id"],
                space=trial.space,
                phase=trial.phase,
                sitting=max(1, self._sitting),
                start_seconds=now,
                end_seconds=now,
                first_step=trial.step,
                last_step=trial.step,
            )
            self.stretches.append(trial.running)
        elif kind == "reported":
            trial.mious[event["step"]] = _number(miou_of(event["metrics"]))
            trial.step = max(trial.step, event["step"])
            if trial.running is not None:
                trial.running.last_step = trial.step
        elif kind == "decided":
            self._decided(event, trial, now)
        elif kind in ("promoted", "audited"):
            if trial.waiting is not None:
                trial.waiting.outcome = PROMOTED if kind == "promoted" else AUDITED
            trial.waiting = None
        elif kind == "ended":
            self._end(trial, now, event["stop_reason"])
            if trial.waiting is not None and event["stop_reason"] != "interrupted":
                trial.waiting.outcome = STOPPED
                trial.waiting = None

    def _decided(self, event: Event, trial: _Trial, now: float) -> None:
        action = event.get("action")
        if event.get("rung") is not None:
            mious = [miou for _, miou in sorted(trial.mious.items())]
            decision = Decision(
                trial_id=event["trial_id"],
                space=trial.space,
                rung=event["rung"],
                seconds=now,
                score=rung_score(mious),
                cutoff=_number(event.get("cutoff")),
                outcome=_outcome(action, audited=bool(event.get("audited"))),
            )
            decision.score = decision.score if math.isfinite(decision.score) else math.nan
            self.decisions.append(decision)
            trial.waiting = decision if action == Action.PAUSE else None
        if action == Action.PAUSE:
            self._end(trial, now, PAUSED)

    def _end(self, trial: _Trial, now: float, ending: str) -> None:
        if trial.running is not None:
            trial.running.end_seconds = max(now, trial.running.start_seconds)
            trial.running.ending = ending
            trial.running = None


def compute_records(events: Iterable[Event]) -> ComputeRecords:
    """Work out the tables of a whole journal, of a search that still runs too."""
    records = ComputeRecords()
    for event in events:
        records.take(event)
    records.finish()
    return records


def rows_of(entries: Iterable[Stretch] | Iterable[Decision]) -> list[dict[str, object]]:
    """Entries as the tables' rows."""
    return [asdict(entry) for entry in entries]


def _outcome(action: str | None, *, audited: bool) -> str:
    if audited:
        return AUDITED
    return {Action.PAUSE.value: PAUSED, Action.STOP.value: STOPPED}.get(action or "", PASSED)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _give_lanes(stretches: list[Stretch]) -> None:
    """Give each stretch the first lane that is free at its start, as a pool of workers does."""
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    lanes = 0
    for stretch in sorted(stretches, key=lambda one: (one.start_seconds, one.end_seconds)):
        while busy and busy[0][0] <= stretch.start_seconds:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            stretch.lane = heapq.heappop(free)
        else:
            stretch.lane, lanes = lanes, lanes + 1
        heapq.heappush(busy, (stretch.end_seconds, stretch.lane))
