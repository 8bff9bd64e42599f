"""Checkpoints are deleted as the search goes: what can neither resume nor win, and what a killed sitting left."""

from collections.abc import Callable
from pathlib import Path

import pytest

from search import checkpoints
from search.checkpoints import CheckpointCleaner
from search.controller import SearchController
from search.kept_checkpoints import trials_kept
from tests.search.searching import LocalRun, make_settings
from trainables.checkpoint import PARTIAL
from trainables.checkpoint_store import BEST, LAST, FolderStore
from trainables.journal import Event, Journal


class KeepingRun(LocalRun):
    """A run whose trials leave files like checkpoints; `most` is how many lay there at once."""

    most = 0

    @property
    def store(self) -> Path:
        return self.folder / "trials"

    def files(self) -> set[str]:
        return {f"{path.parent.name}/{path.name}" for path in self.store.rglob("*") if path.is_file()}

    def _evaluate(self, controller: SearchController, job: object, step: int) -> bool:
        folder = self.store / job.trial_id  # type: ignore[attr-defined]
        folder.mkdir(parents=True, exist_ok=True)
        for name in (LAST, BEST):
            (folder / name).write_text("x", encoding="utf-8")
        self.most = max(self.most, len(self.files()))
        return super()._evaluate(controller, job, step)  # type: ignore[arg-type]


def run_cleaned(run: KeepingRun, stop_after: int | None = None) -> CheckpointCleaner:
    """Run a search with a cleaner that hears its journal."""
    history = run.history()
    cleaner = CheckpointCleaner(FolderStore(run.store), run.settings, history)
    with Journal(run.folder) as journal:
        controller = SearchController(run.settings, history, journal.append, cleaner.take)
        for phase in ("search", "finalist"):
            controller.begin_phase(phase)
            run._run_phase(controller, stop_after)
    return cleaner


@pytest.fixture
def at_every_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "MOST_OF_THE_TIME", 10**9)


@pytest.mark.usefixtures("at_every_ending")
def test_a_long_search_never_has_more_than_a_few(tmp_path: Path) -> None:
    run = KeepingRun(make_settings(trials_per_space=40, finalists=1, late_promotion=False), tmp_path)
    run_cleaned(run)
    # Two run at a time, with two files each, beside the best of each role.
    assert run.most <= 2 * 2 + 4
    kept = trials_kept(run.settings, run.history())
    assert run.files() == {f"{name}/{BEST}" for name in kept}


def test_what_a_killed_sitting_left_goes_when_the_next_begins(tmp_path: Path) -> None:
    run = KeepingRun(make_settings(trials_per_space=6, finalists=1), tmp_path)
    run.run()
    running = next(iter(run.history().trials))
    half = run.store / running / f"{LAST}abc{PARTIAL}"
    half.write_text("half", encoding="utf-8")
    assert len(run.files()) == 13
    history = run.history()
    CheckpointCleaner(FolderStore(run.store), run.settings, history)
    assert run.files() == {f"{name}/{BEST}" for name in trials_kept(run.settings, history)}


def test_one_that_can_not_be_deleted_is_tried_again_and_keeps_no_other(tmp_path: Path) -> None:
    run = KeepingRun(make_settings(trials_per_space=6, finalists=1), tmp_path)
    run.run()
    store = FolderStore(run.store)
    losers = sorted(run.history().trials.keys() - trials_kept(run.settings, run.history()))
    delete: Callable[..., None] = store.delete
    refused = {losers[0]}

    def sometimes(trial_id: str, file_name: str | None = None) -> None:
        if trial_id in refused:
            raise PermissionError("open elsewhere")
        delete(trial_id, file_name)

    store.delete = sometimes  # type: ignore[method-assign]
    cleaner = CheckpointCleaner(store, run.settings, run.history())
    assert {name.split("/")[0] for name in run.files()} & set(losers) == refused
    refused.clear()
    cleaner.clean()
    assert not {name.split("/")[0] for name in run.files()} & set(losers)


def test_events_that_end_nothing_cost_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = KeepingRun(make_settings(), tmp_path)
    cleaner = CheckpointCleaner(FolderStore(run.store), run.settings, run.history())
    monkeypatch.setattr(cleaner, "clean", lambda: pytest.fail("looked for what can go"))
    event: Event = {"event": "reported", "time": 0.0, "trial_id": "unet-000"}
    cleaner.take(event)
