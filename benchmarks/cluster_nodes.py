"""A Ray cluster on one machine whose nodes are as separate as hosts: processes, addresses and stores of their own.

Each node is a `ray start` with an address of its own on the loopback network (127.0.0.2, 127.0.0.3, ...), and demands
the cluster's token. A node can be killed as a spot machine goes: without a word. Linux only.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

STORE_BYTES = 80_000_000
"""Of each node's object store; Ray takes no less."""

START_SECONDS = 120.0

_OTHERS = ("RAY_", "AWS_")
"""What this process has of these is not the nodes'."""


@dataclass
class Node:
    """A host of the cluster.

    Attributes:
        address: Its address on the loopback network.
        process: Its `ray start`, above all that the node runs.
    """

    address: str
    process: "subprocess.Popen[bytes]"

    def processes(self) -> list[psutil.Process]:
        """All that the node runs, raylet and workers included."""
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.process.pid)
            return [*root.children(recursive=True), root]
        return []

    def kill(self) -> None:
        """Let it vanish as a spot machine does: everything at once, by SIGKILL."""
        # Stopped first: a raylet that lives a moment longer would tell of its workers' deaths.
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in self.processes():
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
        self.process.wait()


@dataclass
class Cluster:
    """A head and its nodes.

    Attributes:
        token: Its token.
        address: Where drivers join, HOST:PORT.
        environment: Added to each node's.
        nodes: All that were ever started, the head first.
    """

    token: str
    address: str
    environment: Mapping[str, str]
    folder: Path
    nodes: list[Node] = field(default_factory=list)

    def start_node(self, *, cpus: int, gpus: int = 0) -> Node:
        """Start a node; the first is the head. Returns when it can run trials.

        Args:
            cpus: CPU cores that it offers; nobody counts the machine's.
            gpus: GPUs that it offers; nobody looks whether they are there.
        """
        number = len(self.nodes) + 1
        host, port = f"127.0.0.{number}", self.address.rpartition(":")[2]
        words = ["--address", self.address]
        if number == 1:
            words = ["--head", "--port", port, "--include-dashboard", "false", "--temp-dir", str(self.folder)]
        command = [str(Path(sys.executable).with_name("ray")), "start", "--block", *words, "--node-ip-address", host]
        command += ["--num-cpus", str(cpus), "--num-gpus", str(gpus), "--object-store-memory", str(STORE_BYTES)]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
        own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token, "RAY_USAGE_STATS_ENABLED": "0"}
        # Ray's workers give way to all others, and hosts of their own would have none.
        own["RAY_worker_niceness"] = "0"
        paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        log = self.folder / f"node-{number}.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "--disable-usage-stats"],
                env={**kept, **paths, **own, **self.environment},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        node = Node(host, process)
        self.nodes.append(node)
        deadline = time.monotonic() + START_SECONDS
        while "Ray runtime started" not in log.read_text(encoding="utf-8", errors="replace"):
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(f"node {host} did not start: {log.read_text(encoding='utf-8', errors='replace')}")
            time.sleep(0.2)
        return node


@contextlib.contextmanager
def cluster(token: str, environment: Mapping[str, str]) -> Iterator[Cluster]:
    """A cluster without nodes; at the block's end all its processes are killed.

    Args:
        token: What its nodes demand.
        environment: Added to each node's: the keys of a store, for example.
    """
    # Ray's sockets lie below it, and a socket's path has 107 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    made = Cluster(token, f"127.0.0.1:{port}", dict(environment), folder)
    try:
        yield made
    finally:
        for node in reversed(made.nodes):
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)
