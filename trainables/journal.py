"""The journal of a search or a training: an append-only file that is the one truth about it.

Every proposal, report, decision and ending is written and flushed to disk here before anything else happens with it.
Tables, MLflow and what a scheduler or sampler knows are derived from it.
"""

import contextlib
import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from spaces.errors import InputError

FILE_NAME = "journal.jsonl"
"""A search's."""

TRAINING_FILE = "metrics.jsonl"
"""A training's; it tells its folder from that of a search."""

_CHUNK = 1 << 16

Event = dict[str, Any]
"""One line of the journal: `event` its kind, `time` when (seconds since the epoch), the rest is the kind's own."""


class JournalError(OSError):
    """An event could not be brought to disk; the journal is as it was before, and takes nothing more until reopened."""


class Journal:
    """Appends events to a journal, each durable before `append` returns.

    One process at a time may hold a journal open; `trainables.run_folder.locked` guards that.

    Attributes:
        failure: Why nothing more is taken, or None.
    """

    def __init__(self, folder: Path, file_name: str = FILE_NAME) -> None:
        """Open the journal in `folder`, and cut off a last line that a crash left half written."""
        self._path = folder / file_name
        _cut_torn_line(self._path)
        # Unbuffered: what a full disk did not take must not be tried again behind our back.
        self._file = self._path.open("ab", buffering=0)
        self._end = self._path.stat().st_size
        self.failure: str | None = None

    def append(self, event: str, *, wait: bool = True, **content: Any) -> Event:
        """Write one event and wait until it is on disk; without `wait`, until the next event is.

        Numbers that JSON has no form for (NaN, infinities) are written as null.

        Raises:
            JournalError: If it can't be written, or an event before it could not: a journal has no gaps.
        """
        entry = {"event": event, "time": time.time(), **content}
        line = (json.dumps(_finite(entry), ensure_ascii=False, allow_nan=False) + "\n").encode()
        if self.failure is not None:
            raise JournalError(self.failure)
        try:
            self._write(line, wait=wait)
        except OSError as error:
            self.failure = f"{self._path} can't be written ({error.strerror or error})"
            with contextlib.suppress(OSError):
                # Otherwise whoever opens the journal next cuts the torn line off.
                os.truncate(self._file.fileno(), self._end)
            raise JournalError(self.failure) from error
        self._end += len(line)
        return entry

    def _write(self, line: bytes, *, wait: bool) -> None:
        rest = memoryview(line)
        while rest:
            rest = rest[self._file.write(rest) :]
        if wait:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; the journal can be opened again later."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_journal(folder: Path, file_name: str = FILE_NAME) -> Iterator[Event]:
    """Yield the events of the journal in `folder`, oldest first; a torn last line is left out.

    Raises:
        InputError: If a line before the last is no event: the file was edited or damaged.
    """
    path = folder / file_name
    if not path.is_file():
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                entry = json.loads(line)
            except ValueError:
                raise InputError(f"{path}, line {number}: not an event of a journal; restore the file") from None
            if not isinstance(entry, dict) or "event" not in entry:
                raise InputError(f"{path}, line {number}: not an event of a journal; restore the file")
            yield entry


class JournalReader:
    """Reads a journal while it grows, event by event, without keeping any of it in memory."""

    def __init__(self, folder: Path, file_name: str = FILE_NAME) -> None:
        """Begin at the first event; what is there now may be read."""
        self._path = folder / file_name
        self._file: BinaryIO | None = None
        self._position = 0
        self._limit = 0
        self.grown()

    def grown(self) -> None:
        """Note that what the journal holds now is durable and may be read."""
        if self._path.is_file():
            self._limit = self._path.stat().st_size

    @property
    def waiting(self) -> int:
        """Bytes that may be read and were not yet."""
        return self._limit - self._position

    def next(self) -> Event | None:
        """The next event, or None while there is none."""
        if self.waiting <= 0:
            return None
        if self._file is None:
            self._file = self._path.open("rb")
        line = self._file.readline()
        if not line.endswith(b"\n"):
            self._file.seek(self._position)
            return None
        self._position += len(line)
        entry: Event = json.loads(line)
        return entry

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _cut_torn_line(path: Path) -> None:
    if not path.is_file():
        return
    with path.open("rb+") as file:
        end = size = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - _CHUNK)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end != size:
            file.truncate(end)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return value
