"""What a running search shows of its trials, paused ones among them."""

import io
from collections import Counter
from dataclasses import replace

import pytest
from rich.console import Console

from search.display import live_view, plain_lines, seconds_left
from search.history import SearchHistory, TrialHistory, TrialJob
from search.progress import Progress
from search.settings import SearchSettings
from spaces.loading import load_space
from tests.search.searching import make_settings

SETTINGS = make_settings(trials_per_space=4)


def trial(number: int, step: int, **changes: object) -> TrialHistory:
    job = TrialJob(
        trial_id=f"unet-{number:03d}",
        space="unet",
        phase="search",
        role="proposed",
        seed=number,
        config=load_space("unet").baseline,
    )
    made = TrialHistory(job, **changes)  # type: ignore[arg-type]
    for reported in range(10, step + 1, 10):
        made.add_report(reported, {"miou": 0.1 + reported / 1000})
    return made


def progress(*trials: TrialHistory, seconds: float = 100.0) -> Progress:
    idle = [one for one in trials if one.ended or one.paused]
    return Progress(
        phase="search",
        planned=4,
        running=tuple(one for one in trials if one not in idle),
        ended=Counter(one.stop_reason for one in trials if one.ended and one.stop_reason),
        trials=trials,
        steps=sum(one.step for one in trials),
        seconds=seconds,
    )


def shown(settings: SearchSettings, moment: Progress) -> str:
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(live_view(settings, moment))
    return console.export_text()


def test_paused_trials_are_shown_as_such_and_counted() -> None:
    moment = progress(trial(0, 90, stop_reason="completed"), trial(1, 10, paused=True), trial(2, 20))
    lines = shown(SETTINGS, moment).splitlines()
    assert "1 of 4 trials ended" in lines[0]
    assert "1 running, 1 paused" in lines[0]
    states = {line.split()[0]: line.split()[1] for line in lines if line.startswith("unet-")}
    assert states == {"unet-000": "completed", "unet-001": "paused", "unet-002": "running"}


def test_one_that_an_earlier_sitting_left_paused_is_not_called_interrupted() -> None:
    moment = progress(trial(1, 10, paused=True, stop_reason="interrupted"), trial(2, 20))
    assert "interrupted" not in shown(SETTINGS, moment)


@pytest.mark.parametrize("scheduler", ["asha", "pasha", "patience"])
def test_rungs_are_shown_where_there_are_any(scheduler: str) -> None:
    text = shown(make_settings(scheduler=scheduler), progress(trial(1, 10)))
    assert ("rungs: unet" in text) == (scheduler != "patience")


def test_paused_trials_are_no_work_that_is_left() -> None:
    ended, paused, running = trial(0, 90, stop_reason="pruned"), trial(1, 30, paused=True), trial(2, 20)
    # 140 steps took 100 s; about 60 steps each: 40 for the running one, 60 for the one that is not there yet.
    assert seconds_left(progress(ended, paused, running)) == pytest.approx(100 / 140 * (40 + 60))


def test_time_left_is_unknown_before_any_trial_halted_and_never_negative() -> None:
    assert seconds_left(progress(trial(0, 20))) is None
    moment = progress(*(trial(number, 30, paused=True) for number in range(4)))
    assert seconds_left(moment) == 0
    assert seconds_left(replace(moment, planned=2)) == 0


def test_lines_tell_when_a_trial_pauses_and_goes_on() -> None:
    lines: list[str] = []
    listen = plain_lines(SETTINGS, SearchHistory(), lines.append)
    decided = {"event": "decided", "time": 0.0, "trial_id": "unet-001", "step": 10}
    started = {"event": "started", "time": 0.0, "trial_id": "unet-001"}
    for event in (started, decided | {"action": "continue"}, decided | {"action": "pause"}, started):
        listen(event)
    assert lines == ["unet-001 started", "unet-001 paused at step 10 of 90", "unet-001 goes on"]


def test_lines_speak_of_all_sittings() -> None:
    history = SearchHistory()
    history.trials["unet-001"] = resumed = trial(1, 50)
    resumed.best_miou = 0.395
    lines: list[str] = []
    listen = plain_lines(SETTINGS, history, lines.append)
    listen({"event": "started", "time": 0.0, "trial_id": "unet-001"})
    resumed.add_report(60, {"miou": 0.376})
    listen({"event": "ended", "time": 0.0, "trial_id": "unet-001", "step": 60, "stop_reason": "pruned"})
    assert lines == ["unet-001 goes on", "unet-001 pruned at step 60 of 90, best mIoU 0.395"]
