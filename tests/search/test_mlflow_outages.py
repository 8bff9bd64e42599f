"""MLflow away, too slow or locked: each trial and each evaluation is there once in the end."""

import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from benchmarks.fault_injection import MlflowServer
from search.recording import JournalRecorder
from search.settings import write_settings
from tests.search.searching import LocalRun, make_settings
from trainables.journal import JournalReader, read_journal
from trainables.tracking import delivery
from trainables.tracking.client import connect
from trainables.tracking.uri import local_tracking_uri

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals"),
]


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """One for all tests here, because a server takes seconds to start; each search has a name of its own there."""
    server = MlflowServer(tmp_path_factory.mktemp("server"))
    yield server
    server.kill()


@pytest.fixture
def server(one_server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> MlflowServer:
    """The server, which is there, and requests to it that are given up soon."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setattr(delivery, "RETRY_SECONDS", 0.2)
    one_server.start()
    return one_server


def finished_run(folder: Path, uri: str) -> LocalRun:
    """A search with a journal, without Ray."""
    run = LocalRun(make_settings(name=folder.parent.name, trials_per_space=4, tracking_uri=uri), folder)
    folder.mkdir()
    write_settings(run.settings, folder)
    run.run(phases=("search", "finalist"))
    return run


def check_recorded(run: LocalRun, uri: str) -> None:
    """Every trial once in MLflow, ended, with every evaluation once."""
    client = connect(uri, must_exist=True)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    ours = client.search_runs(experiments, f"tags.search = '{run.settings.name}'", max_results=1000)
    runs = [r for r in ours if "trial_id" in r.data.tags]
    history = run.history()
    assert Counter(r.data.tags["trial_id"] for r in runs) == dict.fromkeys(history.trials, 1)
    for found in runs:
        trial = history.trials[found.data.tags["trial_id"]]
        assert found.info.status == "FINISHED"
        assert found.data.tags["stop_reason"] == trial.stop_reason
        points = client.get_metric_history(found.info.run_id, "miou")
        assert [(p.step, p.value) for p in sorted(points, key=lambda p: p.step)] == [
            (step, report["miou"]) for step, report in sorted(trial.reports.items())
        ]


@pytest.mark.parametrize("kind", ["database", "server"])
def test_what_is_delivered_again_is_there_once(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    uri = request.getfixturevalue("server").uri if kind == "server" else local_tracking_uri(tmp_path)
    run = finished_run(tmp_path / "example", uri)
    for _ in range(2):
        JournalRecorder(JournalReader(run.folder), run.settings, None).finish()
        check_recorded(run, uri)
    # As if nobody knew what was delivered before.
    again = JournalRecorder(JournalReader(run.folder / "empty"), run.settings, None)
    again.finish()
    again._settled = {}
    for event in read_journal(run.folder):
        again._deliver(event)
    check_recorded(run, uri)


def test_a_server_that_is_killed_and_comes_back_has_everything_once(tmp_path: Path, server: MlflowServer) -> None:
    run = finished_run(tmp_path / "example", server.uri)
    recording = JournalRecorder(JournalReader(run.folder), run.settings, None)
    for pause in (1.0, 0.3):
        time.sleep(pause)
        server.kill()
        time.sleep(0.5)
        server.start()
    recording.finish()
    check_recorded(run, server.uri)
    assert recording.rejected == []


def test_a_server_that_answers_too_late_has_everything_once(tmp_path: Path, server: MlflowServer) -> None:
    run = finished_run(tmp_path / "example", server.uri)
    recording = JournalRecorder(JournalReader(run.folder), run.settings, None)
    assert server._process is not None
    root = psutil.Process(server._process.pid)
    for _ in range(2):
        time.sleep(0.7)
        frozen = [*root.children(recursive=True), root]
        for process in frozen:
            process.suspend()
        # Longer than a request waits: it is sent again, and the server then answers both.
        time.sleep(3)
        for process in frozen:
            process.resume()
    recording.finish().settled_trials()
    check_recorded(run, server.uri)


def test_a_locked_database_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "RETRY_SECONDS", 0.2)
    uri = local_tracking_uri(tmp_path)
    connect(uri)
    run = finished_run(tmp_path / "example", uri)
    with sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None) as database:
        database.execute("BEGIN EXCLUSIVE")
        recording = JournalRecorder(JournalReader(run.folder), run.settings, None)
        time.sleep(2)
        database.rollback()
    recording.finish()
    check_recorded(run, uri)
