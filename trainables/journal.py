"""The journal of a search or a training: an append-only file that is the one truth about it.

Every proposal, report, decision and ending is written and flushed to disk here before anything else happens with it.
Tables, MLflow and what a scheduler or sampler knows are derived from it.
"""

import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from spaces.errors import InputError

FILE_NAME = "journal.jsonl"
"""A search's."""

TRAINING_FILE = "metrics.jsonl"
"""A training's; it tells its folder from that of a search."""

Event = dict[str, Any]
"""One line of the journal: `event` its kind, `time` when (seconds since the epoch), the rest is the kind's own."""


class Journal:
    """Appends events to a journal, each durable before `append` returns.

    One process at a time may hold a journal open; `trainables.run_folder.locked` guards that.
    """

    def __init__(self, folder: Path, file_name: str = FILE_NAME) -> None:
        """Open the journal in `folder`, and cut off a last line that a crash left half written."""
        self._path = folder / file_name
        _cut_torn_line(self._path)
        self._file: TextIO = self._path.open("a", encoding="utf-8", newline="\n")

    def append(self, event: str, **content: Any) -> Event:
        """Write one event and wait until it is on disk.

        Numbers that JSON has no form for (NaN, infinities) are written as null.
        """
        entry = {"event": event, "time": time.time(), **content}
        self._file.write(json.dumps(_finite(entry), ensure_ascii=False, allow_nan=False) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        return entry

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


def _cut_torn_line(path: Path) -> None:
    if not path.is_file():
        return
    with path.open("rb+") as file:
        content = file.read()
        end = content.rfind(b"\n") + 1
        if end != len(content):
            file.truncate(end)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return value
