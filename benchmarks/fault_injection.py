"""Running searches that get killed: their processes, what can be killed of them, and MLflow servers that go away."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

_END_SECONDS = 60.0
"""A search whose Ray died must have ended by then."""


@dataclass
class Sitting:
    """A process that drives a search, from its start or resumption until it ends or is killed.

    Attributes:
        process: The process.
        output: Where its two streams go.
    """

    process: "subprocess.Popen[bytes]"
    output: IO[bytes]
    errors: IO[bytes]
    below: set[psutil.Process] = field(default_factory=set)

    @classmethod
    def start(cls, words: Sequence[str], folder: Path, *, own_session: bool = False) -> "Sitting":
        """Start `python -m search.run` with words, in a folder; in a session of its own, Ctrl-C does not reach it."""
        output = (folder / "output.txt").open("ab")
        errors = (folder / "errors.txt").open("wb")
        command = [sys.executable, "-m", "search.run", *words]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=errors, start_new_session=own_session
        )
        return cls(process, output, errors)

    def lives(self) -> bool:
        """Whether the search has not ended."""
        return self.process.poll() is None

    def victims(self, target: str) -> list[psutil.Process]:
        """The processes that are a target, as far as they run now; for `worker` and `gcs` one at most."""
        driver = psutil.Process(self.process.pid)
        below = driver.children(recursive=True)
        self.below.update(below)
        if target == "driver":
            return [driver]
        if target == "all":
            return [driver, *below]
        wanted = {"worker": "ray::", "raylet": "raylet", "gcs": "gcs_server"}[target]
        return [process for process in below if _title(process).startswith(wanted) and _trains(process, target)][:1]

    def kill(self, target: str) -> bool:
        """Kill a target; whether it was there."""
        with contextlib.suppress(psutil.NoSuchProcess):
            victims = self.victims(target)
            for victim in victims:
                with contextlib.suppress(psutil.NoSuchProcess):
                    victim.send_signal(signal.SIGKILL)
            return bool(victims)
        return False

    def end(self) -> int | None:
        """Wait for the end of a search that can't go on; its exit code, or None: it hung, and was killed."""
        try:
            return self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill("all")
            self.process.wait()
            return None
        finally:
            self.close()

    def orphans(self) -> int:
        """How many of its processes still run some seconds after it ended."""
        _, alive = psutil.wait_procs(list(self.below), timeout=60)
        return len([process for process in alive if process.pid != self.process.pid])

    def close(self) -> None:
        """Close the files of its streams."""
        self.output.close()
        self.errors.close()


class MlflowServer:
    """An MLflow server of this machine, which can go away and come back with what it had."""

    def __init__(self, folder: Path) -> None:
        """Start it; returns when it answers."""
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port = probe.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, unless it runs; returns when it answers."""
        if self._process is not None:
            return
        words = ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self._port), "--workers", "1"]
        store = ["--backend-store-uri", f"sqlite:///{(self._folder / 'server.db').as_posix()}"]
        place = ["--artifacts-destination", str(self._folder / "server-artifacts")]
        with (self._folder / "server.txt").open("ab") as log:
            # Without the ten processes that wait for jobs nobody gives: they take as long to start as all the rest.
            environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
            command = [sys.executable, *words, *store, *place]
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                return
            time.sleep(0.2)
        raise RuntimeError("the MLflow server did not start; see server.txt")

    def kill(self) -> None:
        """Kill it and all that it started."""
        if self._process is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(self._process.pid)
            for process in (*root.children(recursive=True), root):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self._process.wait()
        self._process = None


def _title(process: psutil.Process) -> str:
    try:
        words = process.cmdline()
    except psutil.Error:
        return ""
    return Path(words[0]).name if words and "/" in words[0] else " ".join(words)


def _trains(process: psutil.Process, target: str) -> bool:
    """Ray's own agents are Ray processes, too, and so are workers without work."""
    return target != "worker" or not any(word in _title(process) for word in ("Agent", "IDLE"))
