import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.data.dataset import ImageRecord
from trainables.data.records import RecordTable


def record(capture: str, photo: int, patch: int, kind: int) -> ImageRecord:
    """Unlabelled for kind 0; with a mask for 1; labelled but drawn, without files, for 2."""
    stem = f"p{photo}_patch_{patch:03d}"
    folder = Path("data") / capture
    return ImageRecord(
        name=f"{capture}/{stem}",
        photo=f"{capture}/p{photo}",
        capture=capture,
        image_path=None if kind == 2 else folder / "images" / f"{stem}.{('png', 'JPG')[patch % 2]}",
        mask_path=folder / "masks" / f"{stem}.tif" if kind == 1 else None,
        height=10 * patch,
        width=20 * patch,
        labelled=kind > 0,
    )


tables = st.lists(
    st.builds(record, st.sampled_from(["a", "a-b", "."]), st.integers(0, 3), st.integers(0, 4), st.integers(0, 2)),
    unique_by=lambda one: one.name,
    max_size=15,
)


@settings(deadline=None, derandomize=True)
@given(records=tables)
def test_records_come_back_in_the_order_of_their_names(records: list[ImageRecord]) -> None:
    table = RecordTable.from_records(records)
    ordered = sorted(records, key=lambda one: one.name)
    assert list(table) == ordered
    assert table == RecordTable.from_records(reversed(records)) == pickle.loads(pickle.dumps(table))  # noqa: S301
    assert [table.position(one.name) for one in ordered] == list(range(len(ordered)))
    assert table.labelled.tolist() == [one.labelled for one in ordered]
    assert table.heights.tolist() == [one.height for one in ordered]
    assert [table.photos[code] for code in table.photo_codes] == [one.photo for one in ordered]
    assert [table.captures[code] for code in table.capture_codes] == [one.capture for one in ordered]
    assert (list(table.photos), list(table.captures)) == (sorted(table.photos), sorted(table.captures))


@settings(deadline=None, derandomize=True)
@given(records=tables, data=st.data())
def test_a_part_is_a_table_of_its_own(records: list[ImageRecord], data: st.DataObject) -> None:
    table = RecordTable.from_records(records)
    chosen = sorted(data.draw(st.sets(st.sampled_from(range(len(table)))))) if records else []
    part = table.take(np.array(chosen, dtype=np.int32))
    assert list(part) == [table[position] for position in chosen]
    assert list(part.take(part.labelled_positions())) == [one for one in part if one.labelled]
    assert list(part.take(part.unlabelled_positions())) == [one for one in part if not one.labelled]
    for position in set(range(len(table))) - set(chosen):
        with pytest.raises(KeyError):
            part.position(table[position].name)


def test_slices_are_tables_and_negative_places_count_from_the_end() -> None:
    table = RecordTable.from_records(record("a", 0, patch, 1) for patch in range(4))
    assert list(table[1:3]) == [table[1], table[2]]
    assert table[-1] == table[3]
    with pytest.raises(IndexError):
        table[4]


@pytest.mark.parametrize("positions", [[1, 0], [1, 1]])
def test_positions_must_ascend(positions: list[int]) -> None:
    table = RecordTable.from_records(record("a", 0, patch, 1) for patch in range(4))
    with pytest.raises(ValueError, match="must ascend"):
        table.take(np.array(positions, dtype=np.int32))


@pytest.mark.parametrize("positions", [[-1, 0], [3, 4]])
def test_positions_must_exist(positions: list[int]) -> None:
    table = RecordTable.from_records(record("a", 0, patch, 1) for patch in range(4))
    with pytest.raises(IndexError):
        table.take(np.array(positions, dtype=np.int32))


def test_names_must_differ_and_files_be_called_like_their_records() -> None:
    one = record("a", 0, 0, 1)
    with pytest.raises(ValueError, match="two images of one name"):
        RecordTable.from_records([one, one])
    other = ImageRecord("a/b", "a/b", "a", Path("a/images/c.png"), None, 0, 0, labelled=False)
    with pytest.raises(ValueError, match="not called like its record"):
        RecordTable.from_records([other])


def test_a_table_is_small() -> None:
    table = RecordTable.from_records(record("salak-1-1", photo, patch, 1) for photo in range(50) for patch in range(20))
    assert len(pickle.dumps(table)) / len(table) < 80
