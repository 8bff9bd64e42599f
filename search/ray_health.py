"""Noticing that one of Ray's own processes died: Ray's driver waits for up to a minute, then ends without a clear word.

A search can't go on without them, and nothing is lost: the journal has all that happened, and a resumed search starts
Ray anew.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator

import psutil

POLL_SECONDS = 1.0

SILENT_SECONDS = 30.0
"""A cluster's head on another machine is given this long to answer again."""

_NAMES = {"raylet": "its raylet", "gcs_server": "its control service"}


@contextlib.contextmanager
def watching_ray(died: Callable[[str, Collection[psutil.Process]], None]) -> Iterator[None]:
    """Call `died` once, from a thread of its own, if Ray's processes die while the block lasts; Ray must be running.

    Args:
        died: Takes what died, in words, and the processes that were seen below this one, among them those whose own
            parent has died and which nobody would find there any more. The main thread may be waiting inside Ray for
            ever, so it should end the program.
    """
    import ray

    stop = threading.Event()
    context = ray.get_runtime_context()
    address = str(context.gcs_address)
    processes = ray_processes(context.get_session_name(), context.get_node_id())
    head = None if any(what == _NAMES["gcs_server"] for what, _ in processes) else _Head(address)

    below: set[psutil.Process] = set()

    def watch() -> None:
        while not stop.wait(POLL_SECONDS):
            below.update(psutil.Process().children(recursive=True))
            dead = next((what for what, process in processes if not _lives(process)), None)
            if dead is None and head is not None and head.silent():
                dead = f"its head at {address}"
            if dead is not None and not stop.is_set():
                died(dead, below)
                return

    thread = threading.Thread(target=watch, name="ray health", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def ray_processes(session: str, node_id: str) -> list[tuple[str, psutil.Process]]:
    """The processes on this machine that a driver can't do without, each with the words for it.

    Args:
        session: Name of the Ray session.
        node_id: The node that the driver is connected to; others of the session may come and go, even if they are
            on this machine.
    """
    found = []
    for process in psutil.process_iter(["name", "cmdline"]):
        name, words = str(process.info["name"] or "").removesuffix(".exe"), process.info["cmdline"] or ()
        of_the_session = name in _NAMES and any(session in word for word in words)
        if of_the_session and (name != "raylet" or f"--node_id={node_id}" in words):
            found.append((_NAMES[name], process))
    return found


class _Head:
    """The head of a cluster, on another machine."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        # IPv6 addresses stand in brackets before a port.
        self._place = (host.strip("[]"), int(port))
        self._heard = time.monotonic()

    def silent(self) -> bool:
        """Whether nothing has answered for `SILENT_SECONDS`."""
        try:
            socket.create_connection(self._place, timeout=5.0).close()
            self._heard = time.monotonic()
        except OSError:
            pass
        return time.monotonic() - self._heard > SILENT_SECONDS


def _lives(process: psutil.Process) -> bool:
    """Whether a process runs: one that was killed stays there as a zombie until its parent looks at it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end_processes(processes: Collection[psutil.Process]) -> None:
    """End what this process started: without one of its own, the rest of Ray would linger for minutes."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
