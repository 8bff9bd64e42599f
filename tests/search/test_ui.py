import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

from analysis.mlflow_results import read_mlflow
from search import ui
from spaces.errors import InputError
from tests.analysis.example_results import make_results
from tests.trainables.recorded_search import STARTED_MS, record_search
from trainables.tracking.client import TrackingUnavailable
from trainables.tracking.search_recorder import SearchRecorder
from trainables.tracking.uri import local_tracking_uri


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server((ui.HOST, 0)) as server:
        yield server.getsockname()[1]


def test_a_missing_database_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mlflow\.db: there is no such MLflow database"):
        ui.main(["--runs", str(tmp_path), "--no-browser"])


def test_a_taken_port_is_answered_with_a_free_one(tmp_path: Path, taken_port: int) -> None:
    (tmp_path / "mlflow.db").touch()
    with pytest.raises(InputError, match=rf"--port {taken_port}: another program .* --port \d+ is free"):
        ui.main(["--runs", str(tmp_path), "--port", str(taken_port), "--no-browser"])


@pytest.mark.parametrize("text", ["0", "65536", "-1", "five"])
def test_a_port_that_is_none_is_bad_input(text: str) -> None:
    with pytest.raises(InputError, match=r"--port.*1 to 65535"):
        ui.main([f"--port={text}"])


def test_a_server_that_does_not_answer_is_bad_input() -> None:
    with pytest.raises(InputError, match="no server answers there"):
        ui.main(["--tracking-uri", "http://127.0.0.1:9", "--no-browser"])


def test_the_first_free_port_skips_taken_ones(taken_port: int) -> None:
    assert ui.first_free_port(taken_port) > taken_port


def test_the_server_is_bound_to_this_machine(tmp_path: Path) -> None:
    words = ui.mlflow_page(local_tracking_uri(tmp_path), 5123).command
    assert words[words.index("--host") + 1] == "127.0.0.1"
    assert words[words.index("--artifacts-destination") + 1] == (tmp_path / "mlartifacts").as_uri()


def test_a_server_that_ends_is_a_failure_with_its_last_line(capfd: pytest.CaptureFixture[str]) -> None:
    command = (sys.executable, "-c", "print('starting'); print('no disk left'); raise SystemExit(3)")
    page = ui.Page(title="MLflow", command=command, url="http://127.0.0.1:9", health_url="http://127.0.0.1:9")
    with pytest.raises(ui.ServerFailedError, match="MLflow ended with code 3: no disk left"):
        ui.serve([page], browser=False)
    assert capfd.readouterr().out == ""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C can't be sent to one process on Windows")
def test_a_recorded_search_is_shown_and_extended_through_the_server(tmp_path: Path) -> None:
    """The pages open, a server stores and returns the same as its database, and Ctrl-C leaves nothing behind."""
    results = make_results(spaces=("unet",), seeds=(0,))
    database = local_tracking_uri(tmp_path)
    name = results.settings["name"]
    record_search(SearchRecorder(database, search_name=name), results)
    port = ui.first_free_port(5_870)
    command = [sys.executable, "-m", "search.ui", "--runs", str(tmp_path), "--port", str(port), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            shown = process.stdout.readline()
            assert shown.startswith(f"MLflow: http://127.0.0.1:{port}/#/experiments/1/runs?")
            server = f"http://127.0.0.1:{port}"
            with urllib.request.urlopen(server) as page:
                assert b"MLflow" in page.read()

            recorder = SearchRecorder(server, search_name=name)
            record_search(recorder, results)
            through_server, direct = read_mlflow(server, name), read_mlflow(database, name)
            assert len(direct.trials) == len(results.trials)
            assert_frame_equal(through_server.trials, direct.trials, check_exact=True)
            assert_frame_equal(through_server.curves, direct.curves, check_exact=True)
            assert through_server.panels == results.panels
        finally:
            os.kill(process.pid, signal.SIGINT)
            _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "interrupted\n")
    ui.check_port_free(port)
    started = time.monotonic()
    with pytest.raises(TrackingUnavailable):
        recorder.close_search("finished", STARTED_MS)
    assert time.monotonic() - started < 30
