"""Joining a Ray cluster that demands a token: two nodes on this machine, data and checkpoints on an S3 server."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.cluster_nodes import Cluster, cluster
from benchmarks.s3_server import KEYS, S3Server, s3_server
from tests.search.search_command import REPOSITORY, check_nothing_lost, run
from tests.trainables.data.folder_builder import make_folder
from trainables.checkpoint_store import BEST, open_store
from trainables.data.cache_files import CACHE_VARIABLE
from trainables.data.manifest import write_manifest
from trainables.data.node_copy import DATASETS
from trainables.shared_files import open_uri

TINY = ("--trials", "2", "--max-steps", "4", "--eval-every", "2", "--finalist-seeds", "1", "--precision", "float32")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="Ray clusters are Linux only"),
]


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "AWS_"))}
    return kept | {"PYTHONPATH": str(REPOSITORY), "RAY_USAGE_STATS_ENABLED": "0"} | changes


def search(words: list[str], folder: Path, **changes: str) -> "subprocess.CompletedProcess[str]":
    return run(["--space", "unet", *words], folder, environment(**changes))


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with pytest.MonkeyPatch.context() as patched:
        for name, value in KEYS.items():
            patched.setenv(name, value)
        with s3_server("shared") as server:
            yield server


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A head and a worker of a CPU core each."""
    cache = str(tmp_path_factory.mktemp("cache"))
    with cluster(secrets.token_hex(32), {**KEYS, CACHE_VARIABLE: cache}) as made:
        made.start_node(cpus=1)
        made.start_node(cpus=1)
        yield made


def upload(folder: Path, uri: str) -> None:
    from pyarrow.fs import LocalFileSystem, copy_files

    files, root = open_uri(uri)
    copy_files(str(folder), root, source_filesystem=LocalFileSystem(), destination_filesystem=files)


def test_a_search_runs_on_two_nodes_with_data_and_checkpoints_on_s3(
    nodes: Cluster, s3: S3Server, tmp_path: Path
) -> None:
    photos = {f"photo{number}_patch_000_000": number < 6 for number in range(8)}
    data = make_folder(tmp_path / "data", {"a": photos}, height=64, width=64)
    write_manifest(data)
    upload(data, s3.uri("data"))
    places = ["--data", s3.uri("data"), "--encoder-weights", "none", "--storage", s3.uri("checkpoints")]
    token = {"RAY_AUTH_TOKEN": nodes.token}
    cache = {CACHE_VARIABLE: nodes.environment[CACHE_VARIABLE]}
    done = search(["--address", nodes.address, "--name", "joined", *places, *TINY], tmp_path, **token, **cache, **KEYS)
    assert done.returncode == 0, done.stderr
    assert "Ray cluster, now 2 nodes, 2 CPU cores" in done.stdout
    folder = tmp_path / "runs" / "joined"
    results = pd.read_parquet(folder / "results.parquet")
    assert sorted(results["phase"]).count("search") == 2
    assert "finalist" in set(results["phase"])
    assert set(results["stop_reason"]) <= {"completed", "pruned"}
    check_nothing_lost(folder)
    best = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["best"]["unet"]["trial_id"]
    assert open_store(s3.uri("checkpoints/joined/trials")).read(best, BEST) is not None
    assert len(list((Path(cache[CACHE_VARIABLE]) / DATASETS).glob("*/complete"))) == 1
    for name in ("settings.json", "journal.jsonl"):
        assert KEYS["AWS_SECRET_ACCESS_KEY"] not in (folder / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("token", ["", "00" * 32])
def test_without_the_token_the_cluster_is_refused_in_one_line(nodes: Cluster, tmp_path: Path, token: str) -> None:
    changes = {"RAY_AUTH_TOKEN": token} if token else {"HOME": str(tmp_path)}
    done = search(["--address", nodes.address, *TINY], tmp_path, **changes)
    assert done.returncode == 2, done.stdout
    assert done.stderr.startswith(f"error: --address {nodes.address}")
    assert done.stderr.count("\n") == 1
    assert "token" in done.stderr


def test_an_address_where_nothing_answers_is_told_in_one_line(tmp_path: Path) -> None:
    done = search(["--address", "127.0.0.1:1", *TINY], tmp_path, RAY_AUTH_TOKEN="00" * 32)
    assert done.returncode == 2, done.stdout
    assert done.stderr.startswith("error: --address 127.0.0.1:1")
    assert done.stderr.count("\n") == 1
