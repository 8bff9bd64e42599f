import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.data.text_column import TextColumn

texts = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=())), max_size=12)


@settings(deadline=None, derandomize=True)
@given(texts=texts)
def test_texts_come_back_whatever_they_hold(texts: list[str]) -> None:
    column = TextColumn.from_texts(texts)
    assert column.to_list() == list(column) == texts
    assert TextColumn.from_bytes(column.data).to_list() == texts


@settings(deadline=None, derandomize=True)
@given(texts=texts, data=st.data())
def test_any_positions_can_be_taken(texts: list[str], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(range(len(texts))))) if texts else []
    taken = TextColumn.from_texts(texts).take(np.array(chosen, dtype=np.int64))
    assert list(taken) == taken.to_list() == [texts[position] for position in chosen]


@settings(deadline=None, derandomize=True)
@given(texts=texts, wanted=st.text(max_size=2))
def test_a_text_is_found_in_its_place_or_not_at_all(texts: list[str], wanted: str) -> None:
    ordered = sorted(set(texts))
    column = TextColumn.from_texts(ordered)
    assert [column.place_of(text) for text in ordered] == list(range(len(ordered)))
    if wanted not in texts and "\0" not in wanted:
        assert column.place_of(wanted) is None


def test_indices_are_those_of_a_sequence() -> None:
    column = TextColumn.from_texts(["a", "", "ä"])
    assert (column[-1], column[1], column[1:].to_list()) == ("ä", "", ["", "ä"])
    for index in (3, -4):
        with pytest.raises(IndexError):
            column[index]


def test_bytes_without_an_end_are_refused() -> None:
    with pytest.raises(ValueError, match="no end"):
        TextColumn.from_bytes(b"a\0b")
