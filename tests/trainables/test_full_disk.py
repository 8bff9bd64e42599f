"""A disk that is really full, as far as the process can see."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from trainables.checkpoint_store import LAST, FolderStore, UriStore
from trainables.full_disk import full_disk_error


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a process's files")
@pytest.mark.parametrize("kind", ["folder", "uri"])
@pytest.mark.parametrize("state", [{"one": torch.zeros(1_000_000)}, {str(i): torch.zeros(2000) for i in range(100)}])
def test_a_checkpoint_that_does_not_fit_is_told_from_other_failures(
    tmp_path: Path, kind: str, state: dict[str, torch.Tensor]
) -> None:
    store = FolderStore(tmp_path) if kind == "folder" else UriStore(tmp_path.as_uri())
    store.write("unet-000", LAST, {"step": 1})
    with files_of_at_most(200_000), pytest.raises((OSError, RuntimeError)) as failure:
        store.write("unet-000", LAST, state)
    found = full_disk_error(failure.value)
    assert found is not None
    assert found.errno == errno.EFBIG
    assert store.read("unet-000", LAST) == {"step": 1}


@pytest.mark.parametrize(
    "error", [PermissionError(errno.EACCES, "no"), RuntimeError("unexpected pos 1 vs 2"), OSError()]
)
def test_other_failures_are_none(error: Exception) -> None:
    assert full_disk_error(error) is None
