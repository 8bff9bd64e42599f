import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from search import study_database
from search.history import SearchHistory, TrialJob, history_of
from search.settings import SearchSettings, write_settings
from search.study_database import STUDIES, StudyDatabase
from tests.search.searching import LocalRun, driven, make_settings, rising, start_next
from trainables.journal import Event, read_journal

STATES = {"completed": "COMPLETE", "pruned": "PRUNED", "diverged": "FAIL"}


def curve(job: TrialJob, step: int) -> float:
    return float("nan") if job.trial_id.endswith("-002") and step > 10 else rising(job, step)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[SearchSettings, SearchHistory, list[Event]]:
    """A search of two spaces, with completed, stopped and diverged trials and finals."""
    folder = tmp_path_factory.mktemp("searched")
    settings = make_settings("unet,deeplabv3plus", trials_per_space=7)
    history = LocalRun(settings, folder, curve).run(phases=("search", "finalist"))
    return settings, history, list(read_journal(folder))


def studies(path: Path) -> dict[str, list[FrozenTrial]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    found = {
        name: optuna.load_study(study_name=name, storage=storage).get_trials()
        for name in optuna.get_all_study_names(storage)
    }
    storage.remove_session()
    storage.engine.dispose()
    return found


def write(path: Path, settings: SearchSettings, history: SearchHistory, events: list[Event]) -> str | None:
    database = StudyDatabase(path, settings, history)
    for event in events:
        database.take(event)
    return database.close()


def test_each_ended_trial_is_there_with_what_happened_to_it(
    tmp_path: Path, searched: tuple[SearchSettings, SearchHistory, list[Event]]
) -> None:
    settings, history, events = searched
    assert write(tmp_path / STUDIES, settings, history, events) is None
    found = studies(tmp_path / STUDIES)
    assert set(found) == {"example/unet", "example/deeplabv3plus"}
    for space in settings.spaces:
        trials = {trial.user_attrs["trial_id"]: trial for trial in found[f"example/{space}"]}
        expected = history.of_phase("search", space)
        assert set(trials) == {trial.job.trial_id for trial in expected}
        for trial in expected:
            written = trials[trial.job.trial_id]
            assert written.state.name == STATES[trial.stop_reason or ""]
            assert written.user_attrs["stop_reason"] == trial.stop_reason
            assert written.user_attrs["role"] == trial.job.role
            assert written.intermediate_values == {step: report["miou"] for step, report in trial.reports.items()}
            assert written.datetime_start is not None
            assert written.datetime_start.timestamp() == pytest.approx(trial.started_at)
            drawn = settings.spaces[space].space(space).suggestions_of(trial.job.config)
            assert written.params == pytest.approx(drawn)
    states = {trial.state for trials_of in found.values() for trial in trials_of}
    assert states == {TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL}


@pytest.mark.slow
def test_several_objectives_have_their_names_and_directions(tmp_path: Path) -> None:
    settings = make_settings(objectives=("miou", "parameters"))
    history = LocalRun(settings, tmp_path, curve).run()
    write(tmp_path / STUDIES, settings, history, list(read_journal(tmp_path)))
    study = optuna.load_study(study_name="example/unet", storage=f"sqlite:///{tmp_path / STUDIES}")
    assert study.metric_names == ["miou", "parameters"]
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    complete = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    assert complete
    assert all(trial.values[1] > 1e6 for trial in complete)


@pytest.mark.parametrize("cut", [0, 40])
def test_what_an_earlier_process_did_not_write_is_written_once(
    tmp_path: Path, searched: tuple[SearchSettings, SearchHistory, list[Event]], cut: int
) -> None:
    settings, history, events = searched
    write(tmp_path / STUDIES, settings, history_of(events[:cut]), events[:cut])
    for _ in range(2):
        write(tmp_path / STUDIES, settings, history, events)
    names = [trial.user_attrs["trial_id"] for trials in studies(tmp_path / STUDIES).values() for trial in trials]
    assert len(names) == len(set(names)) == 14


def test_an_interrupted_trial_is_not_there_before_its_end(tmp_path: Path) -> None:
    run = LocalRun(make_settings(), tmp_path)
    with driven(run.settings, tmp_path) as controller:
        start_next(controller)
        controller.interrupt()
    write(tmp_path / STUDIES, run.settings, run.history(), list(read_journal(tmp_path)))
    assert not (tmp_path / STUDIES).exists()
    history = run.run()
    write(tmp_path / STUDIES, run.settings, history, list(read_journal(tmp_path)))
    assert len(studies(tmp_path / STUDIES)["example/unet"]) == 6


def test_a_locked_file_holds_nothing_up_and_is_written_when_it_is_free(
    tmp_path: Path,
    searched: tuple[SearchSettings, SearchHistory, list[Event]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(study_database, "LOCKED_SECONDS", 0.1)
    settings, history, events = searched
    path = tmp_path / STUDIES
    half = next(number for number, event in enumerate(events) if event["event"] == "ended") + 1
    write(path, settings, history_of(events[:half]), events[:half])
    database = StudyDatabase(path, settings, history)
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        for event in events:
            database.take(event)
        assert time.monotonic() - began < 2
        wait_until(lambda: database.problem is not None)
        assert "locked" in str(database.problem)
        other.rollback()
    assert database.close() is None
    assert sum(len(trials) for trials in studies(path).values()) == 14


@pytest.mark.parametrize("content", [b"this is no database, however long it may be" * 100, None])
def test_a_broken_file_costs_one_line_at_the_end(
    tmp_path: Path, searched: tuple[SearchSettings, SearchHistory, list[Event]], content: bytes | None
) -> None:
    settings, history, events = searched
    path = tmp_path / STUDIES
    path.mkdir() if content is None else path.write_bytes(content)
    problem = write(path, settings, history, events)
    assert problem is not None
    assert problem.startswith(f"{path}: not all trials could be written: ")
    assert "\n" not in problem


def test_a_disk_that_is_full_for_a_while_loses_nothing(
    tmp_path: Path,
    searched: tuple[SearchSettings, SearchHistory, list[Event]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings, history, events = searched
    add = study_database._StudyFile.add
    full = True

    def add_where_there_is_room(file: study_database._StudyFile, trial: study_database.EndedTrial) -> None:
        if full:
            raise OSError(28, "No space left on device")
        add(file, trial)

    monkeypatch.setattr(study_database._StudyFile, "add", add_where_there_is_room)
    database = StudyDatabase(tmp_path / STUDIES, settings, history)
    for event in events[: len(events) // 2]:
        database.take(event)
    wait_until(lambda: database.problem is not None)
    assert "No space left" in str(database.problem)
    full = False
    for event in events[len(events) // 2 :]:
        database.take(event)
    assert database.close() is None
    assert sum(len(trials) for trials in studies(tmp_path / STUDIES).values()) == 14


WRITER = """
import sys, time
from pathlib import Path
from search.history import history_of
from search.settings import read_settings
from search.study_database import StudyDatabase
from trainables.journal import read_journal
folder = Path(sys.argv[1])
events = list(read_journal(folder))
database = StudyDatabase(folder / "optuna.db", read_settings(folder), history_of(events))
for event in events:
    database.take(event)
print("taken", flush=True)
time.sleep(60)
"""


@pytest.fixture
def killed_writer(tmp_path: Path, searched: tuple[SearchSettings, SearchHistory, list[Event]]) -> Iterator[Path]:
    """The folder of a search whose process was killed while it wrote."""
    write_settings(searched[0], tmp_path)
    journal = "".join(f"{json.dumps(event)}\n" for event in searched[2])
    (tmp_path / "journal.jsonl").write_text(journal, encoding="utf-8")
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as process:
        wait_until(lambda: (tmp_path / STUDIES).exists() and written(tmp_path / STUDIES) > 0, 60)
        os.kill(process.pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
    yield tmp_path


def test_after_a_kill_amid_writing_each_trial_is_there_whole_and_once(
    killed_writer: Path, searched: tuple[SearchSettings, SearchHistory, list[Event]]
) -> None:
    settings, history, events = searched
    assert write(killed_writer / STUDIES, settings, history, events) is None
    found = [trial for trials in studies(killed_writer / STUDIES).values() for trial in trials]
    assert sorted(trial.user_attrs["trial_id"] for trial in found) == sorted(
        trial.job.trial_id for trial in history.of_phase("search")
    )
    for trial in found:
        reports = history.trials[trial.user_attrs["trial_id"]].reports
        assert trial.intermediate_values == {step: report["miou"] for step, report in reports.items()}


def written(path: Path) -> int:
    with closing(sqlite3.connect(path, timeout=5)) as database:
        try:
            return int(database.execute("SELECT count(*) FROM trials").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def wait_until(holds: object, seconds: float = 20) -> None:
    assert callable(holds)
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
