"""`python -m search.ui`: MLflow's pages on the recorded searches, and Optuna's on one, on this machine only."""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

import psutil

from search.study_pages import HOW_TO_INSTALL, dashboard_command, dashboard_installed, studies_to_show
from spaces.command_line import (
    EXIT_DONE,
    OneLineArgumentParser,
    add_debug_option,
    run_command,
    terminated_as_interrupted,
)
from spaces.errors import InputError
from trainables.tracking.records import EXPERIMENT, TRIALS_VIEW
from trainables.tracking.uri import (
    SERVER_SCHEMES,
    artifacts_folder,
    check_tracking_uri,
    database_path,
    local_tracking_uri,
    scheme_of,
    without_password,
)

HOST = "127.0.0.1"
"""Neither MLflow nor Optuna's dashboard has a log-in: their pages are served to this machine alone."""
START_SECONDS = 120
_END_SECONDS = 10
_POLL_SECONDS = 0.5
_SERVER_SECONDS = 5.0
_PORTS_TRIED = 100
_LAST_PORT = 65_535
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Jobs judge answers of language models; they would start eight more processes.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A server to start.

    Attributes:
        title: What it shows.
        command: The words that start it.
        url: Where its page is.
        health_url: What it answers once it is ready.
        landing: From `url`, once the server is ready, to the page to open first.
    """

    title: str
    command: tuple[str, ...]
    url: str
    health_url: str
    landing: Callable[[str], str] = str


class ServerFailedError(RuntimeError):
    """A server ended by itself or never became ready."""


def main(arguments: Sequence[str]) -> int:
    """Serve the pages until Ctrl-C.

    Raises:
        InputError: There is no database, a server does not answer, or the port is taken.
        ServerFailedError: A server that was started here failed.
        KeyboardInterrupt: Ctrl-C; every server has ended by then.
    """
    options = _parse(arguments)
    tracking_uri: str = options.tracking_uri or local_tracking_uri(options.runs)
    check_tracking_uri(tracking_uri, must_exist=True)
    studies = studies_to_show(options.runs, options.name)
    pages, browser = [], options.browser
    if scheme_of(tracking_uri) in SERVER_SCHEMES:
        _show_running_server(tracking_uri, browser=browser)
        browser = False
    else:
        check_port_free(options.port)
        pages.append(mlflow_page(tracking_uri, options.port))
    if studies is not None and dashboard_installed():
        pages.append(optuna_page(studies, first_free_port(options.port + 1)))
    elif studies is not None:
        print(f"Optuna's dashboard can show the studies of {studies.parent.name} here: {HOW_TO_INSTALL}", flush=True)
    return serve(pages, browser=browser) if pages else EXIT_DONE


def mlflow_page(tracking_uri: str, port: int) -> Page:
    """MLflow's pages on a database: one worker, which is plenty for one person."""
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        HOST,
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    command += ["--backend-store-uri", tracking_uri, "--uvicorn-opts", "--log-level warning"]
    database = database_path(tracking_uri)
    if database is not None:
        # Otherwise MLflow would serve, and make, a folder in the current one.
        command += ["--artifacts-destination", artifacts_folder(database).as_uri()]
    url = f"http://{HOST}:{port}"
    return Page(title="MLflow", command=tuple(command), url=url, health_url=f"{url}/health", landing=trials_page)


def optuna_page(studies: Path, port: int) -> Page:
    """Optuna's dashboard on the studies of one search."""
    url = f"http://{HOST}:{port}"
    return Page(
        title=f"Optuna, {studies.parent.name}",
        command=dashboard_command(studies, HOST, port),
        url=url,
        health_url=f"{url}/api/studies",
        landing=lambda server: f"{server}/dashboard/",
    )


def trials_page(server: str) -> str:
    """URL of the table of trials on a ready MLflow server; its start page if it holds no search."""
    question = f"{server}/api/2.0/mlflow/experiments/get-by-name?experiment_name={EXPERIMENT}"
    try:
        with urllib.request.urlopen(question, timeout=_SERVER_SECONDS) as answer:  # noqa: S310 - our own server
            experiment = json.load(answer)["experiment"]["experiment_id"]
    except (OSError, ValueError, KeyError):
        return server
    view = f"workflowType=machine_learning&viewStateShareKey={TRIALS_VIEW}"
    return f"{server}/#/experiments/{experiment}/runs?{view}"


def first_free_port(start: int) -> int:
    """The first port from `start` on that nothing listens on.

    Raises:
        InputError: None is free within 100 of them.
    """
    for port in range(start, min(start + _PORTS_TRIED, _LAST_PORT + 1)):
        if _is_free(port):
            return port
    raise InputError(f"--port {start}: no port from there on is free; name a lower one")


def check_port_free(port: int) -> None:
    """Raise InputError, naming a port that is free, if another program uses `port`."""
    if not _is_free(port):
        raise InputError(f"--port {port}: another program uses that port; --port {first_free_port(port)} is free")


def serve(pages: Sequence[Page], *, browser: bool) -> NoReturn:
    """Start the servers, say where their pages are, and wait for Ctrl-C.

    Args:
        pages: What to start; MLflow's pages first.
        browser: Open the first page in the browser.

    Raises:
        ServerFailedError: One of them ended by itself, or was not ready within `START_SECONDS`.
        KeyboardInterrupt: Ctrl-C, or the process was asked to terminate.
    """
    with ExitStack() as stack:
        stack.enter_context(terminated_as_interrupted())
        servers = [(page, *stack.enter_context(_running(page))) for page in pages]
        for page, server, output in servers:
            _wait_until_ready(page, server, output)
            print(f"{page.title}: {page.landing(page.url)}", flush=True)
        print("Ctrl-C ends it.", flush=True)
        if browser:
            webbrowser.open(pages[0].landing(pages[0].url))
        while True:
            for page, server, output in servers:
                _check_running(page, server, output)
            time.sleep(_POLL_SECONDS)


@contextmanager
def _running(page: Page) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """Run a page's server, its output kept aside; end it and all that it started on the way out."""
    with tempfile.TemporaryFile() as output:
        server = subprocess.Popen(
            page.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**_ENVIRONMENT, **os.environ},
            # Ctrl-C is for us: a server that got it too would die with a traceback of its own.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        try:
            yield server, output
        finally:
            _end(server)


def _end(server: subprocess.Popen[bytes]) -> None:
    """End a server and the processes that it started."""
    try:
        top = psutil.Process(server.pid)
        processes = [*top.children(recursive=True), top]
    except psutil.NoSuchProcess:
        processes = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    for process in psutil.wait_procs(processes, timeout=_END_SECONDS)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    server.wait()


def _wait_until_ready(page: Page, server: subprocess.Popen[bytes], output: IO[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(page.health_url, seconds=_POLL_SECONDS):
        _check_running(page, server, output)
        if time.monotonic() > deadline:
            raise ServerFailedError(f"{page.title} was not ready within {START_SECONDS} s: {_last_line(output)}")
        time.sleep(_POLL_SECONDS)


def _check_running(page: Page, server: subprocess.Popen[bytes], output: IO[bytes]) -> None:
    if server.poll() is not None:
        raise ServerFailedError(f"{page.title} ended with code {server.returncode}: {_last_line(output)}")


def _last_line(output: IO[bytes]) -> str:
    output.seek(0)
    lines = output.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _answers(url: str, *, seconds: float) -> bool:
    """Whether something answers at a URL, with whatever it is."""
    try:
        with urllib.request.urlopen(url, timeout=seconds):  # noqa: S310 - http(s), checked or made here
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _show_running_server(url: str, *, browser: bool) -> None:
    if not _answers(url, seconds=_SERVER_SECONDS):
        raise InputError(f"--tracking-uri {without_password(url)}: no server answers there; correct the URI")
    landing = trials_page(url.rstrip("/"))
    print(f"MLflow: {without_password(landing)} (a server that runs already)", flush=True)
    if browser:
        webbrowser.open(landing)


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name == "posix":
            # A port that a server has just left counts as free. Windows gives the option another meaning.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text}: not a port; right are 1 to {_LAST_PORT}")
    return int(text)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = OneLineArgumentParser(
        "python -m search.ui",
        "Show the recorded searches in MLflow's pages, and one in Optuna's dashboard, on this machine only. Ctrl-C "
        "ends it.",
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="folder of the searches")
    parser.add_argument("--tracking-uri", metavar="URI", help="another database or server; without it RUNS/mlflow.db")
    parser.add_argument("--name", metavar="SEARCH", help="the search that Optuna's dashboard shows (the latest)")
    parser.add_argument("--port", type=_port, default=5000, metavar="N", help="port of MLflow's pages")
    parser.add_argument("--no-browser", dest="browser", action="store_false", default=True, help="open no browser")
    add_debug_option(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_command(main)
