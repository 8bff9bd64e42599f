"""The contract of every checkpoint store: a folder, and URIs that pyarrow understands, S3 among them."""

from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.s3_server import S3Server
from spaces.errors import InputError
from trainables.checkpoint import PARTIAL
from trainables.checkpoint_store import BEST, LAST, CheckpointStore, FolderStore, UriStore, check_storage, open_store
from trainables.shared_files import check_without_keys


@pytest.fixture(params=["folder", "file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> CheckpointStore:
    location = tmp_path / "checkpoints"
    if request.param == "s3":
        s3: S3Server = request.getfixturevalue("s3")
        return open_store(s3.uri(f"{tmp_path.name}/checkpoints"))
    return open_store(str(location) if request.param == "folder" else location.as_uri())


def test_a_store_is_chosen_by_the_form_of_its_location(tmp_path: Path) -> None:
    assert isinstance(open_store(str(tmp_path)), FolderStore)
    assert isinstance(open_store(tmp_path.as_uri()), UriStore)


def test_what_is_written_is_read_and_replaced(store: CheckpointStore) -> None:
    assert store.read("unet-000", LAST) is None
    store.write("unet-000", LAST, {"step": 1, "weights": torch.arange(3)})
    store.write("unet-000", LAST, {"step": 2, "weights": torch.arange(4)})
    state = store.read("unet-000", LAST)
    assert state is not None
    assert state["step"] == 2
    assert torch.equal(state["weights"], torch.arange(4))


def test_one_checkpoint_or_all_of_a_trial_are_deleted(store: CheckpointStore) -> None:
    for trial_id in ("unet-000", "unet-001"):
        for name in (LAST, BEST):
            store.write(trial_id, name, {"step": 1})
    store.delete("unet-000", LAST)
    store.delete("unet-001")
    store.delete("unet-001")
    store.delete("unet-001", BEST)
    assert store.read("unet-000", LAST) is None
    assert store.read("unet-000", BEST) is not None
    assert store.read("unet-001", BEST) is None
    assert store.trials() == {"unet-000"}


def test_what_a_killed_process_left_half_written_goes(store: CheckpointStore) -> None:
    store.write("unet-000", LAST, {"step": 1})
    store.write("unet-000", f"{LAST}{PARTIAL}", {"step": 2})
    store.tidy("unet-000")
    state = store.read("unet-000", LAST)
    assert state is not None
    assert state["step"] == 1
    assert store.read("unet-000", f"{LAST}{PARTIAL}") is None


def test_a_store_is_found_by_the_environment_too(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    open_store(s3.uri("by-query")).write("unet-000", LAST, {"step": 3})
    state = open_store(f"s3://{s3.bucket}/by-query").read("unet-000", LAST)
    assert state is not None
    assert state["step"] == 3


class Unsteady:
    """A pyarrow file system that can't be reached the first times."""

    def __init__(self, files: Any, failures: int) -> None:
        self._files = files
        self.failures = failures

    def __getattr__(self, name: str) -> Any:
        if self.failures > 0:
            self.failures -= 1
            raise OSError("AWS Error NETWORK_CONNECTION")
        return getattr(self._files, name)


def test_a_short_outage_of_the_store_is_waited_for(tmp_path: Path) -> None:
    store = UriStore(tmp_path.as_uri(), retry_seconds=(0.0, 0.0))
    store._files = Unsteady(store._files, 2)
    store.write("unet-000", LAST, {"step": 1})
    store._files.failures = 2
    assert store.read("unet-000", LAST) is not None
    store._files.failures = 3
    with pytest.raises(OSError, match="NETWORK"):
        store.read("unet-000", LAST)


@pytest.mark.parametrize("location", ["nothing://here", "s3:///"])
def test_a_location_that_can_not_be_used_is_bad_input(location: str) -> None:
    with pytest.raises(InputError, match="--storage"):
        check_storage(location)


@pytest.mark.parametrize(
    ("location", "expected"),
    [("s3://missing/place", "no bucket missing"), ("s3://checkpoints?speed=9", "speed")],
)
def test_an_s3_location_is_checked(s3: S3Server, location: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    with pytest.raises(InputError, match=expected):
        check_storage(location)
    check_storage(s3.uri("somewhere"))


@pytest.mark.parametrize(
    "location",
    [
        "s3://AKIAX:secretkey@bucket/x",
        "s3://AKIAX@bucket/x",
        "s3://AKIAX:se/cretkey/secretkey@bucket/x",
        "s3://AKIAX:secretkey/bucket/x",
        "s3://bucket/x?endpoint_override=http://AKIAX:secretkey@host:9000",
        "s3://bucket/x?endpoint_override=http%3A%2F%2FAKIAX%3Asecretkey%40host",
        "abfs://data@account.dfs.core.windows.net/x?client_secret=secretkey",
    ],
)
def test_keys_are_not_taken_from_the_location_and_not_shown(location: str) -> None:
    with pytest.raises(InputError, match="AWS_ACCESS_KEY_ID") as raised:
        check_storage(location)
    assert "secretkey" not in str(raised.value)
    assert "AKIAX" not in str(raised.value)


@pytest.mark.parametrize(
    "location",
    ["s3://bucket/a:b@c/x", "s3://bucket/x?endpoint_override=http://host:9000&scheme=http", "hdfs://host:9000/a@b"],
)
def test_what_only_looks_like_keys_is_taken(location: str) -> None:
    check_without_keys("--data", location)


def test_checking_leaves_nothing_behind(tmp_path: Path) -> None:
    check_storage(str(tmp_path / "new" / "place"))
    check_storage((tmp_path / "other").as_uri())
    assert list(tmp_path.iterdir()) == []
