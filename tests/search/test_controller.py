import json
from pathlib import Path
from typing import ClassVar

import pytest

from search.controller import SearchController
from search.history import TrialJob, history_of
from search.kept_checkpoints import trials_kept
from search.samplers.registry import SAMPLERS
from tests.search.searching import KilledError, LocalRun, make_settings, rising
from trainables.journal import Journal, read_journal


def test_every_space_gets_its_trials_and_its_baseline_first(tmp_path: Path) -> None:
    settings = make_settings("unet,deeplabv3plus")
    history = LocalRun(settings, tmp_path).run()
    for space in settings.searched_spaces():
        trials = history.of_phase("search", space.name)
        assert len(trials) == settings.trials_per_space
        assert trials[0].job.role == "baseline"
        assert trials[0].job.config == space.baseline
        assert trials[0].stop_reason == "completed"
        assert len({trial.job.config.model_dump_json() for trial in trials}) == len(trials)
    order = [trial.job.space for trial in history.trials.values()]
    assert order[:2] == ["unet", "deeplabv3plus"]


def test_asha_stops_some_trials_and_never_at_a_step_before_the_grace_ends(tmp_path: Path) -> None:
    settings = make_settings(trials_per_space=12, grace_steps=30, rungs=(30,))
    history = LocalRun(settings, tmp_path).run()
    pruned = [trial for trial in history.trials.values() if trial.stop_reason == "pruned"]
    assert pruned
    assert all(trial.step == 30 for trial in pruned)


def test_a_diverged_trial_ends_once_and_the_search_goes_on(tmp_path: Path) -> None:
    def curve(job: TrialJob, step: int) -> float:
        return float("nan") if job.trial_id == "unet-002" and step > 10 else rising(job, step)

    history = LocalRun(make_settings(scheduler="none"), tmp_path, curve).run()
    assert history.trials["unet-002"].stop_reason == "diverged"
    assert sum(trial.stop_reason == "completed" for trial in history.trials.values()) == 5


def test_finals_rerun_the_best_and_the_baseline_of_one_space_on_matched_seeds(tmp_path: Path) -> None:
    history = LocalRun(make_settings(), tmp_path).run(phases=("search", "finalist"))
    finals = history.of_phase("finalist")
    best = max(
        (trial for trial in history.of_phase("search") if trial.stop_reason == "completed"),
        key=lambda trial: trial.best_miou or 0,
    )
    assert {(trial.job.role, trial.job.seed) for trial in finals} == {
        (role, seed) for role in ("best", "baseline") for seed in (1, 2)
    }
    assert {trial.job.source_trial_id for trial in finals if trial.job.role == "best"} == {best.job.trial_id}
    assert all(trial.job.seed != 0 and trial.test and trial.stop_reason == "completed" for trial in finals)


def test_finals_of_several_spaces_rerun_the_best_of_each(tmp_path: Path) -> None:
    history = LocalRun(make_settings("unet,deeplabv3plus"), tmp_path).run(phases=("search", "finalist"))
    assert {(trial.job.space, trial.job.role, trial.job.seed) for trial in history.of_phase("finalist")} == {
        (space, "best", seed) for space in ("unet", "deeplabv3plus") for seed in (1, 2)
    }


@pytest.mark.parametrize("die_after", [1, 2, 3, 7, 11, 20])
@pytest.mark.parametrize("search_alg", sorted(SAMPLERS))
def test_a_killed_search_goes_on_and_counts_every_trial_once(tmp_path: Path, die_after: int, search_alg: str) -> None:
    run = LocalRun(make_settings(search_alg=search_alg), tmp_path)
    with pytest.raises(KilledError):
        run.run(die_after=die_after)
    before = {name: trial.job for name, trial in run.history().trials.items()}
    history = run.run()
    assert len(history.trials) == 6
    assert all(trial.ended for trial in history.trials.values())
    assert {name: history.trials[name].job for name in before} == before
    assert len({trial.job.config.model_dump_json() for trial in history.trials.values()}) == 6


def test_a_resumed_search_decides_as_one_that_was_never_killed(tmp_path: Path) -> None:
    """With one trial at a time and random proposals nothing depends on timing, so both must agree in all."""
    settings = make_settings(trials_per_space=9)
    settings = settings.model_copy(update={"device": settings.device.model_copy(update={"concurrent_trials": 1})})
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    whole = LocalRun(settings, tmp_path / "whole").run()
    killed = LocalRun(settings, tmp_path / "killed")
    with pytest.raises(KilledError):
        killed.run(die_after=14)
    resumed = killed.run()
    assert [(trial.job, trial.stop_reason, trial.reports) for trial in resumed.trials.values()] == [
        (trial.job, trial.stop_reason, trial.reports) for trial in whole.trials.values()
    ]


def test_an_interrupted_trial_is_open_again_after_resuming(tmp_path: Path) -> None:
    run = LocalRun(make_settings(), tmp_path)
    with Journal(tmp_path) as journal:
        controller = SearchController(run.settings, run.history(), journal.append)
        controller.begin_phase("search")
        job = controller.next_trial()
        assert job is not None
        controller.started(job.trial_id)
        controller.reported(job.trial_id, {"step": 10, "miou": 0.2})
        controller.interrupt()
    assert run.history().trials[job.trial_id].stop_reason == "interrupted"
    history = run.run()
    assert history.trials[job.trial_id].stop_reason == "completed"
    assert min(history.trials[job.trial_id].reports) == 10


def test_only_checkpoints_that_can_resume_or_win_are_kept(tmp_path: Path) -> None:
    settings = make_settings(trials_per_space=8, finalists=1)
    history = LocalRun(settings, tmp_path).run(phases=("search", "finalist"))
    kept = trials_kept(settings, history)
    # The one that stands for the space, and the best final of each configuration.
    assert len(kept) == 3
    assert {history.trials[name].job.phase for name in kept} == {"search", "finalist"}


def test_a_trial_that_was_stopped_but_not_yet_ended_when_the_process_died_ends_so_on_resuming(tmp_path: Path) -> None:
    run = LocalRun(make_settings(), tmp_path)
    run.run()
    lines = (tmp_path / "journal.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    # The last trial that a decision, not the phase's end, ended.
    last_end = max(i for i, line in enumerate(lines) if '"ended"' in line and '"decided"' in lines[i - 1])
    ended = json.loads(lines[last_end])
    (tmp_path / "journal.jsonl").write_text("".join(lines[:last_end]), encoding="utf-8")
    reports = run.reports
    history = run.run()
    assert history.trials[ended["trial_id"]].stop_reason == ended["stop_reason"]
    assert run.reports == reports


class RestartedTrial:
    """A Ray trial whose process died, as far as the scheduler looks at it."""

    config: ClassVar = {"job": {"trial_id": "unet-000"}}
    recovers = True

    def should_recover(self) -> bool:
        return self.recovers

    def get_error(self) -> str:
        return "killed"


def test_a_worker_that_dies_and_starts_again_neither_ends_nor_judges_its_trial(tmp_path: Path) -> None:
    from search.ray_tune import RECORD, _ControllerScheduler

    with Journal(tmp_path) as journal:
        controller = SearchController(make_settings(), history_of([]), journal.append)
        controller.begin_phase("search")
        scheduler = _ControllerScheduler(controller)
        trial = RestartedTrial()
        assert controller.next_trial() is not None
        controller.started("unet-000")
        result = {RECORD: json.dumps({"metrics": {"step": 10, "miou": 0.2}, "notes": []})}
        assert scheduler.on_trial_result(None, trial, result) == "CONTINUE"
        events = len(list(read_journal(tmp_path)))
        scheduler.on_trial_error(None, trial)
        assert scheduler.on_trial_result(None, trial, result) == "CONTINUE"
        assert len(list(read_journal(tmp_path))) == events
        trial.recovers = False
        scheduler.on_trial_error(None, trial)
        assert controller.history.trials["unet-000"].stop_reason == "error"


def test_what_went_otherwise_than_asked_is_journaled_and_shown_once(tmp_path: Path) -> None:
    from search.display import notes_line, plain_lines
    from search.ray_tune import RECORD, _ControllerScheduler

    settings = make_settings()
    told: list[str] = []
    with Journal(tmp_path) as journal:
        controller = SearchController(settings, history_of([]), journal.append, plain_lines(settings, told.append))
        controller.begin_phase("search")
        scheduler = _ControllerScheduler(controller)
        controller.next_trial()
        controller.started("unet-000")
        assert notes_line(controller.progress().trials) is None
        for step in (10, 20):
            content = {"metrics": {"step": step, "miou": 0.2}, "notes": ["memory ran out: 4 of 8 crops at a time"]}
            scheduler.on_trial_result(None, RestartedTrial(), {RECORD: json.dumps(content)})
    history = history_of(read_journal(tmp_path))
    assert notes_line(history.trials.values()) == "memory ran out: 4 of 8 crops at a time (unet-000)"
    assert [line for line in told if "memory" in line] == ["unet-000: memory ran out: 4 of 8 crops at a time"]


def test_a_space_without_any_result_takes_no_part_in_the_finals(tmp_path: Path) -> None:
    def curve(job: TrialJob, step: int) -> float:
        return float("nan") if job.space == "deeplabv3plus" else rising(job, step)

    history = LocalRun(make_settings("unet,deeplabv3plus"), tmp_path, curve).run(phases=("search", "finalist"))
    assert {(trial.job.space, trial.job.role) for trial in history.of_phase("finalist")} == {
        ("unet", "best"),
        ("unet", "baseline"),
    }


def test_time_left_follows_this_sittings_pace(tmp_path: Path) -> None:
    from search.display import live_view, seconds_left

    settings = make_settings(trials_per_space=4, scheduler="none")
    with Journal(tmp_path) as journal:
        controller = SearchController(settings, history_of([]), journal.append)
        controller.begin_phase("search")
        assert seconds_left(controller.progress()) is None
        job = controller.next_trial()
        assert job is not None
        controller.started(job.trial_id)
        for step in range(10, 91, 10):
            controller.reported(job.trial_id, {"step": step, "miou": 0.1})
        progress = controller.progress()
        assert progress.steps == 90
        # Three more trials of 90 steps at the pace of the first.
        assert seconds_left(progress) == pytest.approx(3 * progress.seconds)
        assert live_view(settings, progress).renderables


@pytest.mark.parametrize("cut", ["\u00e9", "Jalan \u00fc"])
def test_a_journal_torn_inside_a_letter_is_read(tmp_path: Path, cut: str) -> None:
    with Journal(tmp_path) as journal:
        journal.append("note", text="whole")
    with (tmp_path / "journal.jsonl").open("ab") as file:
        file.write(f'{{"event": "{cut}'.encode()[:-1])
    assert [event["text"] for event in read_journal(tmp_path)] == ["whole"]


def test_tune_is_told_that_no_trial_comes_only_when_none_can_come(tmp_path: Path) -> None:
    """Told once, Tune never asks again: a trial that pauses afterwards would never go on."""
    from ray.tune.search import Searcher

    from search.ray_tune import _ControllerSearcher

    settings = make_settings(trials_per_space=4)
    settings = settings.model_copy(update={"device": settings.device.model_copy(update={"concurrent_trials": 4})})
    with Journal(tmp_path) as journal:
        controller = SearchController(settings, history_of([]), journal.append)
        controller.begin_phase("search")
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
    from ray.tune.search import Searcher

    from search.ray_tune import _ControllerSearcher

    with Journal(tmp_path) as journal:
        controller = SearchController(make_settings(), history_of([]), journal.append)
        controller.begin_phase("search")
        controller.halt("the disk is full")
        assert _ControllerSearcher(controller).suggest("") == Searcher.FINISHED


def test_trials_that_a_kill_left_running_are_interrupted_even_if_they_never_went_on(tmp_path: Path) -> None:
    settings = make_settings()
    with Journal(tmp_path) as journal:
        controller = SearchController(settings, history_of([]), journal.append)
        controller.begin_phase("search")
        for _ in range(2):
            job = controller.next_trial()
            assert job is not None
            controller.started(job.trial_id)
    with Journal(tmp_path) as journal:
        SearchController(settings, history_of(read_journal(tmp_path)), journal.append).interrupt()
    history = history_of(read_journal(tmp_path))
    assert [trial.stop_reason for trial in history.trials.values()] == ["interrupted", "interrupted"]


def test_the_process_of_a_paused_trial_may_die(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        controller = SearchController(make_settings(), history_of([]), journal.append)
        controller.begin_phase("search")
        for _ in range(2):
            job = controller.next_trial()
            assert job is not None
            controller.started(job.trial_id)
        assert not controller.reported("unet-001", {"step": 10, "miou": 0.2})
        controller.ended("unet-001", "error", "the trial's process died")
        assert controller.history.trials["unet-001"].paused


def test_a_stop_that_was_left_while_nobody_drove_the_search_ends_no_other_trial(tmp_path: Path) -> None:
    """It is taken up before any phase begins, when nothing runs though much is to go on."""
    settings = make_settings(trials_per_space=4)
    settings = settings.model_copy(update={"device": settings.device.model_copy(update={"concurrent_trials": 4})})
    with Journal(tmp_path) as journal:
        controller = SearchController(settings, history_of([]), journal.append)
        controller.begin_phase("search")
        while (job := controller.next_trial()) is not None:
            controller.started(job.trial_id)
        assert not controller.reported("unet-001", {"step": 10, "miou": 0.2})
        controller.interrupt()
    with Journal(tmp_path) as journal:
        controller = SearchController(settings, history_of(read_journal(tmp_path)), journal.append)
        controller.stop_trial("unet-000")
        assert controller.history.trials["unet-000"].stop_reason == "stopped"
        assert controller.history.trials["unet-001"].paused


def test_a_search_stopped_in_its_finals_ends_them(tmp_path: Path) -> None:
    run = LocalRun(make_settings(), tmp_path)
    run.run()
    with Journal(tmp_path) as journal:
        controller = SearchController(run.settings, run.history(), journal.append)
        controller.begin_phase("finalist")
        job = controller.next_trial()
        assert job is not None
        controller.started(job.trial_id)
    with Journal(tmp_path) as journal:
        controller = SearchController(run.settings, run.history(), journal.append)
        controller.stop_search()
        controller.begin_phase("finalist")
        assert controller.next_trial() is None
        assert controller.phase_done()
    assert {trial.stop_reason for trial in run.history().of_phase("finalist")} == {"stopped"}


def test_a_trial_that_runs_out_of_memory_is_not_tried_again(tmp_path: Path) -> None:
    from search.ray_tune import RECORD, _ControllerScheduler

    settings = make_settings(trials_per_space=1)
    with Journal(tmp_path) as journal:
        controller = SearchController(settings, history_of([]), journal.append)
        controller.begin_phase("search")
        assert controller.next_trial() is not None
        controller.started("unet-000")
        result = {RECORD: json.dumps({"stop_reason": "out_of_memory", "error": "out of memory"})}
        assert _ControllerScheduler(controller).on_trial_result(None, RestartedTrial(), result) == "STOP"
        assert controller.next_trial() is None
    resumed = SearchController(settings, history_of(read_journal(tmp_path)), lambda event, **content: content)
    assert resumed.phase_done()
    assert resumed.history.trials["unet-000"].stop_reason == "out_of_memory"
