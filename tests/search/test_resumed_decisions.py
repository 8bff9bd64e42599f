"""A search that is killed or interrupted after any event of its journal goes on as if nothing had happened.

Here nothing runs but the controller: trials score what a table says, and the user's stops come after given evaluations.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.controller import SearchController
from search.history import SearchHistory, TrialJob, history_of
from search.settings import SearchSettings
from tests.search.simulated import EVALUATIONS, SameConfig, noisy_curves, outcome, settings_for
from trainables.journal import Event

SPACES = "unet,deeplabv3plus"
TRIALS = 9


class CutError(Exception):
    """The process ends here."""


@dataclass
class Disk:
    """What is left of a process: the journal, and the user's stops that nobody took up.

    Attributes:
        events: The journal.
        stops: Trial or space, or nothing for the whole search, by the number of evaluations after which it is asked.
    """

    events: list[Event] = field(default_factory=list)
    stops: dict[int, str] = field(default_factory=dict)

    def reports(self) -> int:
        return sum(event["event"] == "reported" for event in self.events)


class Sitting:
    """One process that drives the search, until it has written `cut_after` more events."""

    def __init__(
        self, plan: SearchSettings, curves: Mapping[str, Sequence[float]], disk: Disk, cut_after: int | None = None
    ) -> None:
        self._plan = plan
        self._curves = curves
        self._disk = disk
        self._left = cut_after
        history = history_of(disk.events)
        samplers = {space: SameConfig() for space in plan.spaces}
        self.running: list[TrialJob] = []
        self.controller: SearchController | None = None
        self.controller = SearchController(plan, history, self._append, self._written, samplers=samplers)

    def run(self, phases: tuple[str, ...] = ("search", "finalist")) -> SearchHistory:
        assert self.controller is not None
        self._take_stops()
        for phase in phases:
            self.controller.begin_phase(phase)
            while not self.controller.phase_done():
                while (job := self.controller.next_trial()) is not None:
                    self.controller.started(job.trial_id)
                    self.running.append(job)
                assert self.running, "nothing runs and nothing comes"
                self._evaluate(self.running.pop(0))
        return self.controller.history

    def _evaluate(self, job: TrialJob) -> None:
        assert self.controller is not None
        step = self.controller.history.trials[job.trial_id].step + 1
        miou = self._curves[job.source_trial_id or job.trial_id][step - 1]
        if miou != miou:  # noqa: PLR0124 - NaN
            self.controller.ended(job.trial_id, "diverged", "the loss is no number")
        else:
            metrics = {"step": step, "miou": miou, "train_seconds": float(step)}
            if self.controller.reported(job.trial_id, metrics):
                self.running.append(job)
        self._take_stops()

    def _take_stops(self) -> None:
        assert self.controller is not None
        for reports in sorted(self._disk.stops):
            if reports > self._disk.reports():
                return
            name = self._disk.stops[reports]
            if not name:
                self.controller.stop_search()
            elif name in self._plan.spaces:
                self.controller.stop_space(name)
            elif name in self.controller.history.trials:
                self.controller.stop_trial(name)
            del self._disk.stops[reports]

    def _append(self, event: str, *, wait: bool = True, **content: Any) -> Event:
        if self._left == 0:
            raise CutError
        entry = {"event": event, "time": float(len(self._disk.events)), **content}
        self._disk.events.append(entry)
        return entry

    def _written(self, event: Event) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                raise CutError

    def interrupt(self) -> None:
        """Ctrl-C, not a kill: the process still says what it leaves."""
        assert self.controller is not None
        self._left = None
        self.controller.interrupt()


def curves_of(seed: int) -> dict[str, list[float]]:
    """Curves of both spaces; some trials diverge on their way."""
    draw = random.Random(seed)
    found = {}
    for number, space in enumerate(SPACES.split(",")):
        for trial, curve in enumerate(noisy_curves(TRIALS, seed * 2 + number)):
            if draw.random() < 0.2:
                first = draw.randrange(EVALUATIONS)
                curve[first:] = [float("nan")] * (EVALUATIONS - first)
            found[f"{space}-{trial:03d}"] = curve
    return found


def planned(workers: int, **changes: Any) -> SearchSettings:
    return settings_for(TRIALS, workers, SPACES, audit_fraction=0.4, finalist_seeds=1, finalists=2, **changes)


def run_cut(
    plan: SearchSettings, curves: Mapping[str, Sequence[float]], stops: dict[int, str], cuts: list[tuple[int, bool]]
) -> tuple[SearchHistory, Disk]:
    """Cut the search after each number of events, by a kill or (True) by Ctrl-C, and let it go on each time."""
    disk = Disk(stops=dict(stops))
    for after, gently in cuts:
        sitting = None
        try:
            sitting = Sitting(plan, curves, disk, after)
            return sitting.run(), disk
        except CutError:
            if gently and sitting is not None:
                sitting.interrupt()
    return Sitting(plan, curves, disk).run(), disk


def ends(history: SearchHistory) -> dict[str, tuple[str | None, int]]:
    """How and where each trial ended; a running one that the user stopped needs no next evaluation after a kill."""
    return {name: (reason, 0 if reason == "stopped" else step) for name, (reason, step) in outcome(history).items()}


spaces = st.sampled_from(SPACES.split(","))
what = spaces | st.builds(lambda space, number: f"{space}-{number:03d}", spaces, st.integers(0, TRIALS - 1))
after = st.integers(1, 160)
cuts_drawn = st.lists(st.tuples(st.integers(1, 150), st.booleans()), min_size=1, max_size=6)
shares = st.none() | st.integers(30, 150)


@pytest.mark.parametrize("scheduler", ["asha", "pasha", "patience"])
@given(
    seed=st.integers(0, 30),
    stops=st.dictionaries(after, what, max_size=1),
    cuts=cuts_drawn,
    share=shares,
    late=st.booleans(),
    prediction=st.booleans(),
    objectives=st.sampled_from([("miou",), ("miou", "parameters")]),
)
@settings(max_examples=8, deadline=None)
def test_with_one_worker_the_outcome_is_that_of_an_undisturbed_search(  # noqa: PLR0917
    scheduler: str,
    seed: int,
    stops: dict[int, str],
    cuts: list[tuple[int, bool]],
    share: int | None,
    late: bool,
    prediction: bool,
    objectives: tuple[str, ...],
) -> None:
    curves = curves_of(seed)
    share = None if stops else share
    plan = planned(
        1,
        scheduler=scheduler,
        late_promotion=late,
        curve_prediction=prediction,
        objectives=objectives,
        device_seconds_per_space=share,
    )
    whole, _ = run_cut(plan, curves, stops, [])
    cut, disk = run_cut(plan, curves, stops, cuts)
    assert ends(cut) == ends(whole)
    assert list(cut.trials) == list(whole.trials)
    assert {name: trial.audited_at for name, trial in cut.trials.items()} == {
        name: trial.audited_at for name, trial in whole.trials.items()
    }
    assert cut.exhausted == whole.exhausted
    assert outcome(history_of(disk.events)) == outcome(cut)


@given(
    seed=st.integers(0, 30),
    stops=st.dictionaries(after, what, max_size=3),
    cuts=cuts_drawn,
    workers=st.integers(2, 7),
    search_stopped_after=st.none() | st.integers(1, 400),
)
@settings(max_examples=12, deadline=None)
def test_with_several_workers_every_trial_is_there_once_and_ended(
    seed: int, stops: dict[int, str], cuts: list[tuple[int, bool]], workers: int, search_stopped_after: int | None
) -> None:
    if search_stopped_after is not None:
        stops = stops | {search_stopped_after: ""}
    history, disk = run_cut(planned(workers), curves_of(seed), stops, cuts)
    assert all(trial.ended and not trial.paused for trial in history.trials.values())
    proposed = [event["trial_id"] for event in disk.events if event["event"] == "proposed"]
    assert proposed == list(history.trials)
    reported = [(event["trial_id"], event["step"]) for event in disk.events if event["event"] == "reported"]
    assert len(reported) == len(set(reported))
    ended = [event for event in disk.events if event["event"] == "ended" and event["stop_reason"] != "interrupted"]
    assert sorted(event["trial_id"] for event in ended) == sorted(history.trials)
    for space in SPACES.split(","):
        if space not in history.exhausted:
            assert len(history.of_phase("search", space)) == TRIALS
