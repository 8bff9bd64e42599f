import importlib.util
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from search import study_pages, ui
from search.study_database import STUDIES, StudyDatabase
from search.study_pages import dashboard_command, studies_to_show
from spaces.errors import InputError
from tests.search.searching import LocalRun, make_settings
from trainables.journal import read_journal


class _Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def tracking_server() -> Iterator[str]:
    """A server that runs already; it need not be MLflow to be told of."""
    with ThreadingHTTPServer((ui.HOST, 0), _Answering) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{ui.HOST}:{server.server_address[1]}"
        server.shutdown()


def touch(path: Path, time: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (time, time))
    return path


def test_the_latest_studies_are_shown_or_those_of_the_search_that_is_named(tmp_path: Path) -> None:
    newer = touch(tmp_path / "newer" / STUDIES, 2_000)
    older = touch(tmp_path / "older" / STUDIES, 1_000)
    (tmp_path / "begun").mkdir()
    assert studies_to_show(tmp_path, None) == newer
    assert studies_to_show(tmp_path, "older") == older


def test_without_studies_none_are_shown(tmp_path: Path) -> None:
    assert studies_to_show(tmp_path / "missing", None) is None
    assert studies_to_show(tmp_path, None) is None


@pytest.mark.parametrize("name", ["begun", "missing"])
def test_a_named_search_without_studies_is_bad_input(tmp_path: Path, tracking_server: str, name: str) -> None:
    (tmp_path / "begun").mkdir()
    with pytest.raises(InputError, match=rf"^--name {name}: there is no .*optuna\.db; it is there once a trial"):
        ui.main(["--runs", str(tmp_path), "--tracking-uri", tracking_server, "--name", name, "--no-browser"])


def test_the_dashboard_is_served_to_this_machine_only(tmp_path: Path) -> None:
    page = ui.optuna_page(tmp_path / "harvest" / STUDIES, 5_123)
    assert page.command[-3:] == (f"sqlite:///{tmp_path / 'harvest' / STUDIES}", "127.0.0.1", "5123")
    assert page.landing(page.url) == "http://127.0.0.1:5123/dashboard/"
    assert dashboard_command(Path("x y") / STUDIES, "h", 1)[3] == f"sqlite:///{Path('x y').absolute() / STUDIES}"


def test_where_the_dashboard_is_missing_its_installation_is_told(
    tmp_path: Path, tracking_server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    touch(tmp_path / "harvest" / STUDIES, 1_000)
    monkeypatch.setattr(study_pages.importlib.util, "find_spec", lambda name: None)
    assert ui.main(["--runs", str(tmp_path), "--tracking-uri", tracking_server, "--no-browser"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == (
        'Optuna\'s dashboard can show the studies of harvest here: pip install -e ".[dashboard]"'
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C can't be sent to one process on Windows")
@pytest.mark.skipif(importlib.util.find_spec("optuna_dashboard") is None, reason="optuna-dashboard is not installed")
def test_the_dashboard_lists_the_studies_of_a_search(tmp_path: Path, tracking_server: str) -> None:
    folder = tmp_path / "example"
    folder.mkdir()
    settings = make_settings("unet,deeplabv3plus", trials_per_space=3)
    database = StudyDatabase(folder / STUDIES, settings, LocalRun(settings, folder).run())
    for event in read_journal(folder):
        database.take(event)
    assert database.close() is None
    port = ui.first_free_port(5_970)
    command = [sys.executable, "-m", "search.ui", "--runs", str(tmp_path), "--tracking-uri", tracking_server]
    command += ["--port", str(port), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            shown = process.stdout.readline().strip()
            assert shown.startswith("Optuna, example: http://127.0.0.1:")
            server = shown.split(": ", 1)[1].removesuffix("/dashboard/")
            with urllib.request.urlopen(f"{server}/api/studies") as answer:  # noqa: S310 - our own server
                names = [study["study_name"] for study in json.load(answer)["study_summaries"]]
            assert names == ["example/unet", "example/deeplabv3plus"]
        finally:
            os.kill(process.pid, signal.SIGINT)
            _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "interrupted\n")
