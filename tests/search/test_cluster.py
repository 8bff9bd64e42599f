"""Joining a Ray cluster: a head with token authentication, started beside the search on this machine."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.search.search_command import REPOSITORY, run

TOKEN = "5f" * 32
TINY = ("--trials", "2", "--max-steps", "4", "--eval-every", "2", "--finalist-seeds", "1", "--precision", "float32")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="Ray clusters are Linux only"),
]


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return kept | {"PYTHONPATH": str(REPOSITORY), "RAY_USAGE_STATS_ENABLED": "0"} | changes


def search(words: list[str], folder: Path, **changes: str) -> "subprocess.CompletedProcess[str]":
    return run(["--space", "unet", *words], folder, environment(**changes))


@pytest.fixture(scope="module")
def head() -> Iterator[str]:
    """A head of two CPU cores that demands the token; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = Path(sys.executable).with_name("ray")
    process = subprocess.Popen(
        [
            command,
            "start",
            "--head",
            "--block",
            "--port",
            str(port),
            "--num-cpus",
            "2",
            "--node-ip-address",
            "127.0.0.1",
            "--include-dashboard",
            "false",
            "--disable-usage-stats",
        ],
        env=environment(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=TOKEN),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.5)
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait(timeout=60)


def test_a_search_runs_on_a_cluster_it_has_the_token_of(head: str, tmp_path: Path) -> None:
    done = search(["--address", head, "--name", "joined", *TINY], tmp_path, RAY_AUTH_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    assert "Ray cluster" in done.stdout
    results = pd.read_parquet(tmp_path / "runs" / "joined" / "results.parquet")
    assert sorted(results["phase"]).count("search") == 2
    assert "finalist" in set(results["phase"])
    assert set(results["stop_reason"]) <= {"completed", "pruned"}


@pytest.mark.parametrize("token", ["", "00" * 32])
def test_without_the_token_the_cluster_is_refused_in_one_line(head: str, tmp_path: Path, token: str) -> None:
    changes = {"RAY_AUTH_TOKEN": token} if token else {"HOME": str(tmp_path)}
    done = search(["--address", head, *TINY], tmp_path, **changes)
    assert done.returncode == 2, done.stdout
    assert done.stderr.startswith(f"error: --address {head}")
    assert done.stderr.count("\n") == 1
    assert "token" in done.stderr


def test_an_address_where_nothing_answers_is_told_in_one_line(tmp_path: Path) -> None:
    done = search(["--address", "127.0.0.1:1", *TINY], tmp_path, RAY_AUTH_TOKEN=TOKEN)
    assert done.returncode == 2, done.stdout
    assert done.stderr.startswith("error: --address 127.0.0.1:1")
    assert done.stderr.count("\n") == 1
