from pathlib import Path

import pytest

from spaces.errors import InputError
from tests.trainables.data.folder_builder import make_folder
from trainables.data.folder_index import index_folder
from trainables.data.labelled_list import apply_labelled_list, read_labelled_list

SOURCE = Path("labeled_files.txt")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_folder(
        tmp_path,
        {
            "one": {
                "DJI_1_patch_000_000": True,
                "DJI_1_patch_000_001": False,
                "DJI_10_patch_000_000": True,
                "XDJI_1_patch_000_000": True,
                "v1.5_patch_000_000": True,
                "bare_patch_000_000": False,
            },
            "two": {"DJI_1_patch_000_000": True},
        },
    )


def labelled(root: Path, *entries: str) -> list[str]:
    records = apply_labelled_list(index_folder(root).records, entries, SOURCE)
    assert all((record.mask_path is not None) == record.labelled for record in records)
    return [record.name for record in records if record.labelled]


@pytest.mark.parametrize("entry", ["DJI_1", "DJI_1.JPG", "DJI_1.png"])
def test_an_entry_means_exactly_that_photo_in_every_capture(root: Path, entry: str) -> None:
    assert labelled(root, entry) == ["one/DJI_1_patch_000_000", "two/DJI_1_patch_000_000"]


def test_an_entry_with_its_capture_means_one_photo(root: Path) -> None:
    assert labelled(root, "two/DJI_1.jpg") == ["two/DJI_1_patch_000_000"]


def test_a_dot_in_a_name_is_no_extension(root: Path) -> None:
    assert labelled(root, "v1.5") == labelled(root, "v1.5.tif") == ["one/v1.5_patch_000_000"]


@pytest.mark.parametrize("entry", ["DJI", "DJI_", "JI_1", "dji_1", "DJI_1.dng", "three/DJI_1", "DJI_2"])
def test_a_part_of_a_name_matches_nothing(root: Path, entry: str) -> None:
    with pytest.raises(InputError, match=f"labeled_files.txt: '{entry}' is no source photo"):
        labelled(root, "DJI_10", entry)


def test_the_name_of_a_patch_is_refused_with_a_hint(root: Path) -> None:
    with pytest.raises(InputError, match="exact name, the part before _patch_"):
        labelled(root, "DJI_1_patch_000_000.png")


def test_a_listed_photo_needs_a_mask(root: Path) -> None:
    with pytest.raises(InputError, match="'bare' is listed but has no mask"):
        labelled(root, "bare")


def test_reading_strips_and_skips_empty_lines(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xef\xbb\xbf DJI_1 \r\n\r\nsalak-1\\DJI_2\r\n")
    assert read_labelled_list(path) == ("DJI_1", "salak-1/DJI_2")


def test_a_list_that_can_not_be_read_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_labelled_list(tmp_path / "nowhere.txt")
    empty = tmp_path / "empty.txt"
    empty.write_text("\n \n", encoding="utf-8")
    with pytest.raises(InputError, match="it is empty"):
        read_labelled_list(empty)
    binary = tmp_path / "binary.txt"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="can't be read as UTF-8"):
        read_labelled_list(binary)
