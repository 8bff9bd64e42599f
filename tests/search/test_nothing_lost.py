"""MLflow away, slow or locked, full disks, dead Ray, two searches at once: nothing is lost, doubled or left running."""

import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from benchmarks.fault_audit import audit
from benchmarks.fault_injection import MlflowServer, Sitting
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

REPOSITORY = Path(__file__).parents[2]
TINY = ("--trials", "2", "--max-steps", "6", "--eval-every", "2", "--finalist-seeds", "0", "--precision", "float32")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MlflowServer]:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setattr(delivery, "RETRY_SECONDS", 0.2)
    server = MlflowServer(tmp_path)
    yield server
    server.kill()


def finished_run(folder: Path, uri: str) -> LocalRun:
    """A search with a journal, without Ray."""
    run = LocalRun(make_settings(trials_per_space=4, tracking_uri=uri), folder)
    folder.mkdir()
    write_settings(run.settings, folder)
    run.run(phases=("search", "finalist"))
    return run


def check_recorded(run: LocalRun, uri: str) -> None:
    """Every trial once in MLflow, ended, with every evaluation once."""
    client = connect(uri, must_exist=True)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = [r for r in client.search_runs(experiments, max_results=1000) if "trial_id" in r.data.tags]
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
    for pause in (1.0, 0.5, 0.3):
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
    for _ in range(3):
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


def command(words: Sequence[str], folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "search.run", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def check_audit(folder: Path) -> None:
    found = audit(folder, local_tracking_uri(folder.parent))
    assert (found.lost, found.duplicated, found.left_running, found.left_over) == (0, 0, 0, 0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 20 MB, which a checkpoint does not fit on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("mounting a disk of its own needs root")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.timeout(900)
def test_a_full_disk_stops_the_search_with_one_line_and_it_goes_on_when_there_is_room(
    tmp_path: Path, small_disk: Path
) -> None:
    process = command(["--space", "unet", "--name", "full", "--storage", str(small_disk), *TINY], tmp_path)
    output, errors = process.communicate(timeout=400)
    assert process.returncode == 1, output
    assert errors.count("\n") == 1, errors
    assert "no room for" in errors
    assert "--resume --name full" in errors
    subprocess.run(["mount", "-o", "remount,size=500m", str(small_disk)], check=True)
    again = command(["--resume", "--name", "full"], tmp_path)
    output, errors = again.communicate(timeout=400)
    assert again.returncode == 0, errors
    check_audit(tmp_path / "runs" / "full")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("target", ["raylet", "gcs"])
def test_a_search_whose_ray_dies_ends_at_once_with_one_line_and_goes_on(tmp_path: Path, target: str) -> None:
    sitting = Sitting.start(["--space", "unet", "--name", "dead", *TINY], tmp_path)
    journal = tmp_path / "runs" / "dead" / "journal.jsonl"
    deadline = time.monotonic() + 400
    while not (journal.is_file() and '"reported"' in journal.read_text(encoding="utf-8")):
        assert sitting.lives()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert sitting.kill(target)
    killed = time.monotonic()
    assert sitting.end() == 1
    assert time.monotonic() - killed < 15
    errors = (tmp_path / "errors.txt").read_text(encoding="utf-8")
    assert errors.count("\n") == 1, errors
    assert "--resume --name dead" in errors
    assert sitting.orphans() == 0
    again = command(["--resume", "--name", "dead"], tmp_path)
    _, errors = again.communicate(timeout=400)
    assert again.returncode == 0, errors
    check_audit(tmp_path / "runs" / "dead")


@pytest.mark.timeout(900)
def test_two_searches_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    both = [command(["--space", "unet", "--name", name, *TINY], tmp_path) for name in ("one", "two")]
    for process in both:
        output, errors = process.communicate(timeout=800)
        assert process.returncode == 0, output + errors
        assert errors == ""
    for name in ("one", "two"):
        check_audit(tmp_path / "runs" / name)
