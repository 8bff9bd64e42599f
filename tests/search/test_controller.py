"""What a search runs from its first trial to its finals."""

from pathlib import Path

import pytest

from search.display import live_view, seconds_left
from search.history import TrialJob
from search.kept_checkpoints import trials_kept
from tests.search.searching import LocalRun, driven, make_settings, rising, start_next


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


def test_only_checkpoints_that_can_resume_or_win_are_kept(tmp_path: Path) -> None:
    settings = make_settings(trials_per_space=8, finalists=1)
    history = LocalRun(settings, tmp_path).run(phases=("search", "finalist"))
    kept = trials_kept(settings, history)
    # The one that stands for the space, and the best final of each configuration.
    assert len(kept) == 3
    assert {history.trials[name].job.phase for name in kept} == {"search", "finalist"}


def test_a_space_without_any_result_takes_no_part_in_the_finals(tmp_path: Path) -> None:
    def curve(job: TrialJob, step: int) -> float:
        return float("nan") if job.space == "deeplabv3plus" else rising(job, step)

    history = LocalRun(make_settings("unet,deeplabv3plus"), tmp_path, curve).run(phases=("search", "finalist"))
    assert {(trial.job.space, trial.job.role) for trial in history.of_phase("finalist")} == {
        ("unet", "best"),
        ("unet", "baseline"),
    }


def test_time_left_follows_this_sittings_pace(tmp_path: Path) -> None:
    settings = make_settings(trials_per_space=4, scheduler="none")
    with driven(settings, tmp_path) as controller:
        assert seconds_left(controller.progress()) is None
        job = start_next(controller)
        for step in range(10, 91, 10):
            controller.reported(job.trial_id, {"step": step, "miou": 0.1})
        progress = controller.progress()
        assert progress.steps == 90
        # Three more trials of 90 steps at the pace of the first.
        assert seconds_left(progress) == pytest.approx(3 * progress.seconds)
        assert live_view(settings, progress).renderables


def test_the_process_of_a_paused_trial_may_die(tmp_path: Path) -> None:
    with driven(make_settings(), tmp_path) as controller:
        start_next(controller)
        start_next(controller)
        assert not controller.reported("unet-001", {"step": 10, "miou": 0.2})
        controller.ended("unet-001", "error", "the trial's process died")
        assert controller.history.trials["unet-001"].paused
