"""However a search ends, it leaves a summary of one form; the trials run without Ray here."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search import conclusion, execution
from search.controller import SearchController
from search.execution import run_search
from search.outputs import SUMMARY
from search.settings import write_settings
from tests.search.searching import LocalRun, make_settings, start_next
from trainables.journal import Event
from trainables.tracking.client import TrackingError

KEYS = {
    "name",
    "trials",
    "best",
    "steps_spent",
    "steps_full",
    "steps_spent_finals",
    "spent",
    "wall_seconds",
    "unreadable_images",
    "counterfactuals",
    "audit",
    "ensembles_missing",
    "finished",
    "stopped",
    "decision",
}


class NoMlflow:
    """Stands for MLflow that is away."""

    rejected = ()

    def take(self, event: Event) -> None:
        pass

    def finish(self) -> None:
        raise TrackingError("away")


def to_the_end(run: LocalRun, controller: SearchController) -> bool:
    for phase in ("search", "finalist"):
        controller.begin_phase(phase)
        run._run_phase(controller, None)
    return True


def interrupted(run: LocalRun, controller: SearchController) -> bool:
    controller.begin_phase("search")
    job = start_next(controller)
    run._evaluate(controller, job, 10)
    raise KeyboardInterrupt


def stopped(run: LocalRun, controller: SearchController) -> bool:
    controller.begin_phase("search")
    job = start_next(controller)
    run._evaluate(controller, job, 10)
    controller.stop_search()
    run._evaluate(controller, job, 20)
    return to_the_end(run, controller)


def halted(run: LocalRun, controller: SearchController) -> bool:
    controller.begin_phase("search")
    controller.halt("the disk is full")
    return False


def broken(run: LocalRun, controller: SearchController) -> bool:
    raise ValueError("a defect of ours")


@pytest.fixture
def summary_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Runs a search whose phases go as given; what it leaves as its summary."""
    settings = make_settings(trials_per_space=4, finalists=1, storage=str(tmp_path / "example" / "trials"))
    run = LocalRun(settings, tmp_path / "example")
    run.folder.mkdir()
    write_settings(settings, run.folder)
    monkeypatch.setattr(execution, "JournalRecorder", lambda *given: NoMlflow())
    monkeypatch.setattr(execution, "measure_networks", lambda *given: None)
    monkeypatch.setattr(conclusion, "_write_report", lambda *given: (None, None))

    def after(phases: Callable[[LocalRun, SearchController], bool]) -> dict[str, Any]:
        monkeypatch.setattr(execution, "_run_phases", lambda settings, controller, context: phases(run, controller))
        run_search(settings, run.folder, {}, None, lambda line: None, lines=True)
        return read_summary(run.folder)

    return after


def read_summary(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize(
    ("phases", "finished", "stopped_by_the_user", "trials"),
    [
        (to_the_end, True, False, {"completed", "pruned"}),
        (interrupted, False, False, {"interrupted"}),
        (stopped, True, True, {"stopped"}),
        (halted, False, False, set()),
    ],
)
def test_every_ending_leaves_a_summary_of_the_same_form(
    summary_after: Callable[..., dict[str, Any]],
    phases: Callable[..., bool],
    finished: bool,
    stopped_by_the_user: bool,
    trials: set[str],
) -> None:
    summary = summary_after(phases)
    assert set(summary) == KEYS
    assert (summary["finished"], summary["stopped"]) == (finished, stopped_by_the_user)
    assert set(summary["trials"]) == trials
    assert set(summary["spent"]) == {"unet"}
    assert summary["steps_full"] == 4 * 90


def test_a_defect_leaves_its_traceback_and_the_summary_of_what_was_done(
    summary_after: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="a defect of ours"):
        summary_after(broken)
    summary = read_summary(tmp_path / "example")
    assert set(summary) == KEYS
    assert not summary["finished"]
