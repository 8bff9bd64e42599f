import os
import time
from pathlib import Path

import numpy as np
import pytest

from spaces.data_description import DataDescription
from tests.trainables.data.folder_builder import HEIGHT, WIDTH, make_folder, save, some_labels
from trainables.data import index_cache, inspection
from trainables.data.cache_files import read_arrays
from trainables.data.folder_index import FolderIndex, index_folder
from trainables.data.index_cache import remembered_index
from trainables.data.opening import DataSource, open_split, split_hash
from trainables.data.split import split_dataset


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = make_folder(tmp_path / "data", {"one": {"a": True, "b": True}, "two": {"a": True, "c": False}})
    save(root / "one" / "masks" / "orphan.png", some_labels(0))
    (root / "notes").mkdir()
    settle(root)
    return root


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def listings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Folders that were listed, in order."""
    seen: list[Path] = []

    def noted(root: Path, description: DataDescription) -> FolderIndex:
        seen.append(root)
        return index_folder(root, description)

    monkeypatch.setattr(index_cache, "index_folder", noted)
    return seen


def settle(root: Path, seconds_ago: float = 60) -> None:
    """Make all folders look as if they had not been changed for a while."""
    moment = time.time() - seconds_ago
    for folder in (root, *(path for path in root.rglob("*") if path.is_dir())):
        os.utime(folder, (moment, moment))


def test_an_unchanged_folder_is_listed_once(root: Path, cache: Path, listings: list[Path]) -> None:
    first = remembered_index(root, cache)
    second = remembered_index(root, cache)
    assert listings == [root]
    assert (second.records, second.problems) == (first.records, first.problems)
    assert second.problems
    assert second.records[0].image_path == root / "one" / "images" / "a.png"
    assert remembered_index(root, cache, list_anew=True).records == first.records
    assert listings == [root, root]


@pytest.mark.parametrize(
    "path", ["one/images/new.png", "one/masks/c.png", "two/masks/c.png", "three/images/a.png", "notes/images/a.png"]
)
def test_a_new_file_is_found(root: Path, cache: Path, listings: list[Path], path: str) -> None:
    remembered_index(root, cache)
    save(root / path, np.zeros((2, 2), np.uint8))
    found = remembered_index(root, cache)
    assert len(listings) == 2
    assert found.records == index_folder(root).records
    files = {p for record in found.records for p in (record.image_path, record.mask_path)}
    problems = " ".join(problem.message for problem in found.problems)
    assert root / path in files or path in problems


def test_a_removed_file_and_a_removed_capture_are_noticed(root: Path, cache: Path, listings: list[Path]) -> None:
    remembered_index(root, cache)
    (root / "two" / "images" / "c.png").unlink()
    settle(root, 30)
    assert [record.name for record in remembered_index(root, cache).records] == ["one/a", "one/b", "two/a"]
    (root / "two").rename(root.parent / "elsewhere")
    assert [record.name for record in remembered_index(root, cache).records] == ["one/a", "one/b"]
    assert len(listings) == 3


def test_a_folder_that_was_changed_a_moment_ago_is_not_believed(root: Path, cache: Path, listings: list[Path]) -> None:
    for seconds_ago in (0.5, -3600):
        settle(root)
        os.utime(root / "one" / "images", (time.time() - seconds_ago,) * 2)
        remembered_index(root, cache)
        remembered_index(root, cache)
    assert len(listings) == 4
    assert not cache.exists()


def test_a_moved_folder_has_its_own_index(root: Path, cache: Path, listings: list[Path]) -> None:
    remembered_index(root, cache)
    moved = root.rename(root.parent / "moved")
    assert remembered_index(moved, cache).records[0].image_path == moved / "one" / "images" / "a.png"
    assert len(listings) == 2


def test_a_later_start_neither_lists_nor_decodes(
    tmp_path: Path, cache: Path, listings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_folder(tmp_path / "other", {"one": dict.fromkeys("abcd", True), "two": {"e": False}})
    settle(root)
    monkeypatch.setenv("SEGPARETO_CACHE", str(cache))
    dataset = DataSource(root=str(root)).open()
    split = split_dataset(dataset, by="photo", seed=0)
    listings.clear()
    monkeypatch.setattr(inspection, "inspect_record", None)
    again, split_again = open_split(
        DataSource(root=str(root)),
        by="photo",
        seed=0,
        fingerprint=dataset.fingerprint,
        expected_hash=split_hash(dataset.records, split),
    )
    assert listings == []
    assert again.records == dataset.records
    assert split_again.train.tolist() == split.train.tolist()
    counts = again.class_count_table(split.train)
    assert counts.sum() == 2 * HEIGHT * WIDTH


@pytest.mark.parametrize("damage", ["cut", "text", "other"])
def test_a_damaged_index_is_no_index(root: Path, cache: Path, listings: list[Path], damage: str) -> None:
    first = remembered_index(root, cache)
    (file,) = cache.iterdir()
    arrays = read_arrays(file)
    assert arrays is not None
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-30])
    elif damage == "text":
        file.write_text("[]", encoding="utf-8")
    else:
        np.savez(file, **{name: array for name, array in arrays.items() if name != "mask_codes"})
    assert remembered_index(root, cache).records == first.records
    assert len(listings) == 2
