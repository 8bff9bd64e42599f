"""What Ray Tune and the controller tell each other."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

from ray.tune.search import Searcher

from search.controller import SearchController
from search.display import notes_line, plain_lines
from search.history import history_of
from search.ray_tune import RECORD, _ControllerScheduler, _ControllerSearcher
from tests.search.searching import at_once, driven, make_settings, start_next
from trainables.journal import Journal, read_journal


class RestartedTrial:
    """A Ray trial whose process died, as far as the scheduler looks at it."""

    config: ClassVar = {"job": {"trial_id": "unet-000"}}
    recovers = True

    def __init__(self) -> None:
        self.run_metadata = SimpleNamespace(num_failures=0)

    def should_recover(self) -> bool:
        return self.recovers

    def get_error(self) -> str:
        return "killed"


def test_a_worker_that_dies_and_starts_again_neither_ends_nor_judges_its_trial(tmp_path: Path) -> None:
    with driven(make_settings(), tmp_path) as controller:
        scheduler = _ControllerScheduler(controller)
        trial = RestartedTrial()
        start_next(controller)
        result = {RECORD: json.dumps({"metrics": {"step": 10, "miou": 0.2}, "notes": []})}
        assert scheduler.on_trial_result(None, trial, result) == "CONTINUE"
        events = len(list(read_journal(tmp_path)))
        scheduler.on_trial_error(None, trial)
        assert scheduler.on_trial_result(None, trial, result) == "CONTINUE"
        assert len(list(read_journal(tmp_path))) == events
        trial.recovers = False
        scheduler.on_trial_error(None, trial)
        assert controller.history.trials["unet-000"].stop_reason == "error"


def test_only_deaths_without_an_evaluation_between_are_counted(tmp_path: Path) -> None:
    """Spot machines may take any number of nodes from a trial that gets on."""
    with driven(make_settings(), tmp_path) as controller:
        scheduler = _ControllerScheduler(controller)
        trial = RestartedTrial()
        start_next(controller)
        for step in (10, 20):
            result = {RECORD: json.dumps({"metrics": {"step": step, "miou": 0.2}, "notes": []})}
            trial.run_metadata.num_failures = 2
            scheduler.on_trial_result(None, trial, result)
            assert trial.run_metadata.num_failures == 0
            # Told once more after a restart: nothing new.
            trial.run_metadata.num_failures = 1
            scheduler.on_trial_result(None, trial, result)
            assert trial.run_metadata.num_failures == 1


def test_what_went_otherwise_than_asked_is_journaled_and_shown_once(tmp_path: Path) -> None:
    settings = make_settings()
    told: list[str] = []
    with Journal(tmp_path) as journal:
        history = history_of([])
        controller = SearchController(settings, history, journal.append, plain_lines(settings, history, told.append))
        controller.begin_phase("search")
        scheduler = _ControllerScheduler(controller)
        start_next(controller)
        assert notes_line(controller.progress().trials) is None
        for step in (10, 20):
            content = {"metrics": {"step": step, "miou": 0.2}, "notes": ["memory ran out: 4 of 8 crops at a time"]}
            scheduler.on_trial_result(None, RestartedTrial(), {RECORD: json.dumps(content)})
    history = history_of(read_journal(tmp_path))
    assert notes_line(history.trials.values()) == "memory ran out: 4 of 8 crops at a time (unet-000)"
    assert [line for line in told if "memory" in line] == ["unet-000: memory ran out: 4 of 8 crops at a time"]


def test_tune_is_told_that_no_trial_comes_only_when_none_can_come(tmp_path: Path) -> None:
    """Told once, Tune never asks again: a trial that pauses afterwards would never go on."""
    settings = at_once(make_settings(trials_per_space=4), 4)
    with driven(settings, tmp_path) as controller:
        searcher = _ControllerSearcher(controller)
        names = [searcher.suggest("")["job"]["trial_id"] for _ in range(4)]
        # All are proposed and run, none is paused.
        assert searcher.suggest("") is None
        for name in names:
            controller.started(name)
        assert not controller.reported("unet-001", {"step": 10, "miou": 0.2})
        assert searcher.suggest("") is None
        controller.ended("unet-002", "error")
        controller.ended("unet-003", "error")
        assert searcher.suggest("")["job"] | {"config": None} == {
            "trial_id": "unet-001",
            "space": "unet",
            "phase": "search",
            "role": "proposed",
            "seed": 0,
            "config": None,
            "reported_step": 10,
        }
        for name in ("unet-000", "unet-001"):
            controller.ended(name, "error")
        assert searcher.suggest("") == Searcher.FINISHED


def test_where_nothing_can_be_kept_tune_does_not_wait_for_trials(tmp_path: Path) -> None:
    with driven(make_settings(), tmp_path) as controller:
        controller.halt("the disk is full")
        assert _ControllerSearcher(controller).suggest("") == Searcher.FINISHED


def test_a_trial_that_runs_out_of_memory_is_not_tried_again(tmp_path: Path) -> None:
    settings = make_settings(trials_per_space=1)
    with driven(settings, tmp_path) as controller:
        start_next(controller)
        result = {RECORD: json.dumps({"stop_reason": "out_of_memory", "error": "out of memory"})}
        assert _ControllerScheduler(controller).on_trial_result(None, RestartedTrial(), result) == "STOP"
        assert controller.next_trial() is None
    resumed = SearchController(settings, history_of(read_journal(tmp_path)), lambda event, **content: content)
    assert resumed.phase_done()
    assert resumed.history.trials["unet-000"].stop_reason == "out_of_memory"
