"""Where the checkpoints of trials live: a local folder, or a URI such as s3://bucket/path that every node reaches."""

import contextlib
import io
import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from spaces.errors import InputError
from trainables.checkpoint import PARTIAL, read_checkpoint, without_checksums, write_checkpoint
from trainables.full_disk import full_disk_error
from trainables.shared_files import check_uri, is_uri, open_uri

LAST = "last.pt"
"""Everything a trial needs to go on."""

BEST = "best.pt"
"""The averaged weights at the trial's best evaluation."""

RETRY_SECONDS = (1.0, 5.0, 15.0, 40.0)
"""Waits between attempts to reach a store over the network: an outage of a minute is no fault of a trial."""

_T = TypeVar("_T")


class CheckpointStore(Protocol):
    """Keeps the checkpoints of trials by trial_id and file name."""

    def write(self, trial_id: str, file_name: str, state: dict[str, Any]) -> None:
        """Keep a checkpoint in one piece: a reader sees the old one or the new one."""
        ...

    def read(self, trial_id: str, file_name: str) -> dict[str, Any] | None:
        """Read a checkpoint onto the CPU, or None if there is none."""
        ...

    def delete(self, trial_id: str, file_name: str | None = None) -> None:
        """Remove one checkpoint of a trial, or all; what is not there is no error."""
        ...

    def trials(self) -> set[str]:
        """The trials of which anything is kept."""
        ...

    def tidy(self, trial_id: str) -> None:
        """Remove what killed processes left half written of a trial; nobody may be writing it."""
        ...


def open_store(location: str) -> CheckpointStore:
    """The store at a folder or URI."""
    return UriStore(location) if is_uri(location) else FolderStore(Path(location))


def check_storage(location: str) -> None:
    """Make sure that checkpoints could be kept at a folder or URI, without leaving anything there.

    Raises:
        InputError: If they could not.
    """
    if is_uri(location):
        check_uri("--storage", location)
        return
    folder = Path(location).absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InputError(f"--storage {location}: {folder} is no folder that can be written; name another")


class FolderStore:
    """Checkpoints in a folder of the file system: FOLDER/TRIAL/FILE."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, trial_id: str, file_name: str, state: dict[str, Any]) -> None:
        """Keep a checkpoint in one piece."""
        path = self._folder / trial_id / file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        with _saving(file_name):
            write_checkpoint(path, state)

    def read(self, trial_id: str, file_name: str) -> dict[str, Any] | None:
        """Read a checkpoint onto the CPU, or None if there is none."""
        path = self._folder / trial_id / file_name
        return read_checkpoint(path) if path.is_file() else None

    def delete(self, trial_id: str, file_name: str | None = None) -> None:
        """Remove one checkpoint of a trial, or all."""
        folder = self._folder / trial_id
        if file_name is None:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            (folder / file_name).unlink(missing_ok=True)

    def trials(self) -> set[str]:
        """The trials of which anything is kept."""
        return {path.name for path in self._folder.iterdir()} if self._folder.is_dir() else set()

    def tidy(self, trial_id: str) -> None:
        """Remove what killed processes left half written of a trial; nobody may be writing it."""
        for path in (self._folder / trial_id).glob(f"*{PARTIAL}"):
            path.unlink(missing_ok=True)


class UriStore:
    """Checkpoints behind a URI that pyarrow's file systems understand (s3://, gs://, hdfs://, file://)."""

    def __init__(self, uri: str, retry_seconds: Sequence[float] = RETRY_SECONDS) -> None:
        """Open the store.

        Args:
            uri: Where it is.
            retry_seconds: Waits before a checkpoint is written or read once more.
        """
        self._files, self._root = open_uri(uri)
        self._retry_seconds = retry_seconds

    def write(self, trial_id: str, file_name: str, state: dict[str, Any]) -> None:
        """Keep a checkpoint in one piece: uploaded under another name, then moved."""
        import torch

        buffer = io.BytesIO()
        with _saving(file_name):
            torch.save(state, buffer)
        self._patiently(lambda: self._upload(f"{self._root}/{trial_id}", file_name, buffer))

    def _upload(self, folder: str, file_name: str, buffer: io.BytesIO) -> None:
        self._files.create_dir(folder, recursive=True)
        path = f"{folder}/{file_name}"
        partial = f"{path}{PARTIAL}"
        try:
            with self._files.open_output_stream(partial) as stream:
                stream.write(buffer.getbuffer())
            self._files.move(partial, path)
        except OSError:
            with suppress(OSError):
                self._files.delete_file(partial)
            raise

    def read(self, trial_id: str, file_name: str) -> dict[str, Any] | None:
        """Read a checkpoint onto the CPU, or None if there is none."""
        import torch

        content = self._patiently(lambda: self._content(f"{self._root}/{trial_id}/{file_name}"))
        if content is None:
            return None
        state: dict[str, Any] = torch.load(content, map_location="cpu", weights_only=True)
        return state

    def _content(self, path: str) -> io.BytesIO | None:
        try:
            with self._files.open_input_file(path) as stream:
                return io.BytesIO(stream.read())
        except FileNotFoundError:
            return None

    def _patiently(self, work: Callable[[], _T]) -> _T:
        """Do something now, or after some waits; what has not worked by then raises."""
        for seconds in self._retry_seconds:
            try:
                return work()
            except OSError as error:
                if full_disk_error(error) is not None:
                    raise
                time.sleep(seconds)
        return work()

    def delete(self, trial_id: str, file_name: str | None = None) -> None:
        """Remove one checkpoint of a trial, or all."""
        with suppress(FileNotFoundError):
            if file_name is None:
                self._files.delete_dir(f"{self._root}/{trial_id}")
            else:
                self._files.delete_file(f"{self._root}/{trial_id}/{file_name}")

    def trials(self) -> set[str]:
        """The trials of which anything is kept."""
        return {Path(found.path).name for found in self._listed(self._root)}

    def tidy(self, trial_id: str) -> None:
        """Remove what killed processes left half written of a trial; nobody may be writing it."""
        for found in self._listed(f"{self._root}/{trial_id}"):
            if found.path.endswith(PARTIAL):
                self._files.delete_file(found.path)

    def _listed(self, folder: str) -> list[Any]:
        from pyarrow.fs import FileSelector

        return list(self._files.get_file_info(FileSelector(folder, allow_not_found=True)))


def _saving(file_name: str) -> contextlib.AbstractContextManager[None]:
    """Only this program reads `LAST`; it is written after every evaluation, and large."""
    return without_checksums() if file_name == LAST else contextlib.nullcontext()
