import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces.errors import InputError
from trainables.journal import FILE_NAME, Journal, read_journal

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
