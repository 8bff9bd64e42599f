import errno
import json
import math
import os
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces.errors import InputError
from trainables.journal import FILE_NAME, Journal, JournalError, JournalReader, read_journal

numbers = st.integers(-(2**53), 2**53) | st.floats() | st.text() | st.booleans() | st.none()


@given(contents=st.lists(st.dictionaries(st.text(max_size=8), numbers, max_size=4), max_size=5))
def test_what_is_appended_is_read_back(
    contents: list[dict[str, object]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    with Journal(folder) as journal:
        for content in contents:
            journal.append("note", content=content)
    expected = [
        {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in c.items()}
        for c in contents
    ]
    assert [event["content"] for event in read_journal(folder)] == expected


@pytest.mark.parametrize("torn", ["{", '{"event": "ended", "trial_id": "unet-0', '{"event": "note", "n": 2}'])
def test_a_torn_last_line_is_left_out_and_overwritten(tmp_path: Path, torn: str) -> None:
    with Journal(tmp_path) as journal:
        journal.append("note", n=1)
    with (tmp_path / FILE_NAME).open("a", encoding="utf-8") as file:
        file.write(torn)
    assert [event["n"] for event in read_journal(tmp_path)] == [1]
    with Journal(tmp_path) as journal:
        journal.append("note", n=3)
    assert [event["n"] for event in read_journal(tmp_path)] == [1, 3]


@pytest.mark.parametrize("cut", ["\u00e9", "Jalan \u00fc"])
def test_a_journal_torn_inside_a_letter_is_read(tmp_path: Path, cut: str) -> None:
    with Journal(tmp_path) as journal:
        journal.append("note", text="whole")
    with (tmp_path / FILE_NAME).open("ab") as file:
        file.write(f'{{"event": "{cut}'.encode()[:-1])
    assert [event["text"] for event in read_journal(tmp_path)] == ["whole"]


def test_a_damaged_line_in_the_middle_is_told_with_its_number(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"event": "a"}\nnot json\n{"event": "b"}\n', encoding="utf-8")
    with pytest.raises(InputError, match="line 2"):
        list(read_journal(tmp_path))


def test_no_journal_has_no_events(tmp_path: Path) -> None:
    assert list(read_journal(tmp_path)) == []


def test_each_line_is_on_disk_when_append_returns(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append("note", n=1)
    lines = (tmp_path / FILE_NAME).read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0])["n"] == 1
    journal.close()


def full_after(monkeypatch: pytest.MonkeyPatch, taken: int, *, at_sync: bool = False) -> None:
    """Let the disk take that many bytes of the next line, or the whole line and fail to sync it."""
    write = FileIO.write

    class Disk(FileIO):
        room = taken

        def write(self, content: object, /) -> int:
            if at_sync:
                return write(self, content)  # type: ignore[arg-type]
            if self.room == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            part = bytes(content)[: self.room]  # type: ignore[call-overload]
            self.room -= len(part)
            return write(self, part)

    def fsync(descriptor: int) -> None:
        if at_sync:
            raise OSError(errno.ENOSPC, "No space left on device")

    open_path = Path.open

    def opened(path: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
        return Disk(path, mode) if mode == "ab" else open_path(path, mode, *rest, **named)

    monkeypatch.setattr(Path, "open", opened)
    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.parametrize(("taken", "at_sync"), [(0, False), (1, False), (40, False), (0, True)])
def test_a_full_disk_leaves_the_journal_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int, at_sync: bool
) -> None:
    with Journal(tmp_path) as journal:
        journal.append("note", n=1)
    before = (tmp_path / FILE_NAME).read_bytes()
    with monkeypatch.context() as patched:
        full_after(patched, taken, at_sync=at_sync)
        with Journal(tmp_path) as journal:
            with pytest.raises(JournalError, match="No space left"):
                journal.append("note", n=2, text="x" * 100)
            assert journal.failure is not None
            patched.setattr(os, "fsync", lambda descriptor: None)
            # A gap would make what follows a lie.
            with pytest.raises(JournalError):
                journal.append("note", n=3)
    assert (tmp_path / FILE_NAME).read_bytes() == before
    with Journal(tmp_path) as journal:
        journal.append("note", n=4)
    assert [event["n"] for event in read_journal(tmp_path)] == [1, 4]


def test_a_long_torn_line_is_cut(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.append("note", n=1)
    with (tmp_path / FILE_NAME).open("ab") as file:
        file.write(b"x" * 200_000)
    with Journal(tmp_path) as journal:
        journal.append("note", n=2)
    assert [event["n"] for event in read_journal(tmp_path)] == [1, 2]
    (tmp_path / FILE_NAME).write_bytes(b"x" * 200_000)
    Journal(tmp_path).close()
    assert (tmp_path / FILE_NAME).read_bytes() == b""


def test_a_reader_sees_what_was_noted_to_be_durable(tmp_path: Path) -> None:
    reader = JournalReader(tmp_path)
    assert reader.next() is None
    with Journal(tmp_path) as journal:
        journal.append("note", n=1)
        assert reader.next() is None
        reader.grown()
        journal.append("note", n=2)
        event = reader.next()
        assert event is not None
        assert event["n"] == 1
        assert reader.next() is None
        reader.grown()
        assert reader.waiting > 0
        event = reader.next()
        assert event is not None
        assert event["n"] == 2
        assert reader.waiting == 0
    reader.close()
