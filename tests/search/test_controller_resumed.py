"""A search that was killed, interrupted or stopped goes on from its journal."""

import json
from pathlib import Path

import pytest

from search.history import history_of
from search.samplers.registry import SAMPLERS
from tests.search.searching import KilledError, LocalRun, at_once, driven, make_settings, start_next
from trainables.journal import read_journal


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
    settings = at_once(make_settings(trials_per_space=9), 1)
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
    with driven(run.settings, tmp_path) as controller:
        job = start_next(controller)
        controller.reported(job.trial_id, {"step": 10, "miou": 0.2})
        controller.interrupt()
    assert run.history().trials[job.trial_id].stop_reason == "interrupted"
    history = run.run()
    assert history.trials[job.trial_id].stop_reason == "completed"
    assert min(history.trials[job.trial_id].reports) == 10


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


def test_trials_that_a_kill_left_running_are_interrupted_even_if_they_never_went_on(tmp_path: Path) -> None:
    settings = make_settings()
    with driven(settings, tmp_path) as controller:
        start_next(controller)
        start_next(controller)
    with driven(settings, tmp_path, phase=None) as controller:
        controller.interrupt()
    history = history_of(read_journal(tmp_path))
    assert [trial.stop_reason for trial in history.trials.values()] == ["interrupted", "interrupted"]


def test_a_stop_that_was_left_while_nobody_drove_the_search_ends_no_other_trial(tmp_path: Path) -> None:
    """It is taken up before any phase begins, when nothing runs though much is to go on."""
    settings = at_once(make_settings(trials_per_space=4), 4)
    with driven(settings, tmp_path) as controller:
        while (job := controller.next_trial()) is not None:
            controller.started(job.trial_id)
        assert not controller.reported("unet-001", {"step": 10, "miou": 0.2})
        controller.interrupt()
    with driven(settings, tmp_path, phase=None) as controller:
        controller.stop_trial("unet-000")
        assert controller.history.trials["unet-000"].stop_reason == "stopped"
        assert controller.history.trials["unet-001"].paused


def test_a_search_stopped_in_its_finals_ends_them(tmp_path: Path) -> None:
    run = LocalRun(make_settings(), tmp_path)
    run.run()
    with driven(run.settings, tmp_path, phase="finalist") as controller:
        start_next(controller)
    with driven(run.settings, tmp_path, phase=None) as controller:
        controller.stop_search()
        controller.begin_phase("finalist")
        assert controller.next_trial() is None
        assert controller.phase_done()
    assert {trial.stop_reason for trial in run.history().of_phase("finalist")} == {"stopped"}
