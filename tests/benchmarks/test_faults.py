"""What `benchmarks.faults` counts: on searches in which something was made to be wrong, and on one in order."""

import json
import random
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch

from benchmarks import fault_audit
from benchmarks.fault_audit import Audit, audit, evaluations_to_repeat
from benchmarks.fault_names import TARGETS
from benchmarks.faults import _kinds, main
from search.finalists import trials_with_weights
from search.outputs import write_tables
from search.settings import read_settings, write_settings
from spaces.errors import InputError
from tests.search.searching import LocalRun, make_settings
from trainables.checkpoint import PARTIAL
from trainables.checkpoint_store import BEST, LAST
from trainables.journal import FILE_NAME, read_journal


class MadeUpSearch:
    """A finished search in a folder, and what MLflow is made to have of it."""

    def __init__(self, folder: Path) -> None:
        settings = make_settings(trials_per_space=4, finalists=1, storage=str(folder / "trials"))
        folder.mkdir()
        write_settings(settings, folder)
        run = LocalRun(settings, folder)
        run.run(phases=("search", "finalist"))
        self.folder, self.history = folder, run.history()
        write_tables(folder, self.history)
        for name in trials_with_weights(settings, self.history):
            self.leave(name, BEST)
        self.runs = [recorded_run(name) for name in self.history.trials] + [recorded_run(None)]
        self.points = Counter((name, step) for name, trial in self.history.trials.items() for step in trial.reports)

    def leave(self, trial_id: str, file_name: str) -> None:
        path = self.folder / "trials" / trial_id / file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")

    def journal_again(self, kind: str) -> None:
        """Write the last event of a kind into the journal a second time."""
        lines = (self.folder / FILE_NAME).read_text(encoding="utf-8").splitlines(keepends=True)
        last = next(line for line in reversed(lines) if json.loads(line)["event"] == kind)
        with (self.folder / FILE_NAME).open("a", encoding="utf-8") as journal:
            journal.write(last)

    def without_rows(self, count: int) -> None:
        path = self.folder / "results.parquet"
        pd.read_parquet(path).iloc[count:].to_parquet(path)

    def loser(self) -> str:
        kept = trials_with_weights(read_settings(self.folder), self.history)
        return next(name for name in self.history.trials if name not in kept)


def recorded_run(trial_id: str | None, status: str = "FINISHED") -> Any:
    tags = {} if trial_id is None else {"trial_id": trial_id}
    return SimpleNamespace(data=SimpleNamespace(tags=tags), info=SimpleNamespace(status=status))


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MadeUpSearch:
    made = MadeUpSearch(tmp_path / "example")
    monkeypatch.setattr(fault_audit, "_recorded", lambda name, uri: (made.runs, made.points))
    return made


def counts(found: Audit) -> tuple[int, int, int, int]:
    return found.lost, found.duplicated, found.left_running, found.left_over


def test_a_search_in_order_has_nothing_wrong(search: MadeUpSearch) -> None:
    found = audit(search.folder, "")
    assert counts(found) == (0, 0, 0, 0)
    assert found.best_miou == max(trial.best_miou or 0.0 for trial in search.history.trials.values())


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda s: s.without_rows(2), (2, 0, 0, 0)),
        (lambda s: s.runs.pop(0), (1, 0, 0, 0)),
        (lambda s: s.points.popitem(), (1, 0, 0, 0)),
        (lambda s: s.runs.append(recorded_run("unet-000")), (0, 1, 0, 0)),
        (lambda s: s.runs.append(recorded_run(None)), (0, 1, 0, 0)),
        (lambda s: s.points.update([("unet-000", 10)]), (0, 1, 0, 0)),
        (lambda s: s.journal_again("ended"), (0, 1, 0, 0)),
        (lambda s: s.journal_again("reported"), (0, 1, 0, 0)),
        (lambda s: s.runs.append(s.runs.pop(0)), (0, 0, 0, 0)),
        (lambda s: s.runs.__setitem__(0, recorded_run("unet-000", "RUNNING")), (0, 0, 1, 0)),
        (lambda s: s.leave(s.loser(), BEST), (0, 0, 0, 1)),
        (lambda s: s.leave("unet-000", f"{BEST}abc{PARTIAL}"), (0, 0, 0, 1)),
    ],
)
def test_each_fault_is_counted_once_and_under_its_name(
    search: MadeUpSearch, spoil: Callable[[MadeUpSearch], object], expected: tuple[int, int, int, int]
) -> None:
    spoil(search)
    assert counts(audit(search.folder, "")) == expected


def test_a_checkpoint_to_go_on_from_is_left_over_in_a_finished_search(search: MadeUpSearch) -> None:
    search.leave(next(iter(trials_with_weights(read_settings(search.folder), search.history))), LAST)
    assert counts(audit(search.folder, "")) == (0, 0, 0, 1)


def test_evaluations_that_no_checkpoint_has_are_to_be_repeated(search: MadeUpSearch) -> None:
    assert evaluations_to_repeat(search.folder) == 0
    path = search.folder / FILE_NAME
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    third = [number for number, line in enumerate(lines) if '"reported"' in line and "unet-000" in line][2]
    path.write_text("".join(lines[:third]), encoding="utf-8")
    assert not any(e["event"] == "ended" and e["trial_id"] == "unet-000" for e in read_journal(search.folder))
    search.leave("unet-000", LAST)
    torch.save({"trainer": {"step": 10}}, search.folder / "trials" / "unet-000" / LAST)
    for trial_id in ("unet-001", "unet-002", "unet-003"):
        search.leave(trial_id, LAST)
        torch.save({"trainer": {"step": 10**6}}, search.folder / "trials" / trial_id / LAST)
    # Evaluations at 10 and 20 are in the journal.
    assert evaluations_to_repeat(search.folder) == 1


def test_all_targets_have_their_turn_before_one_comes_again() -> None:
    kinds = list(islice(_kinds(TARGETS, random.Random(0)), 3 * len(TARGETS)))
    for begin in range(0, len(kinds), len(TARGETS)):
        assert set(kinds[begin : begin + len(TARGETS)]) == set(TARGETS)


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(InputError, match="--targets: 'drivers' is not among driver, worker"):
        main(["--targets", "drivers"])
