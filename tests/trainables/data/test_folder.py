import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spaces.errors import InputError
from tests.trainables.data.folder_builder import (
    CLASSES,
    HEIGHT,
    WIDTH,
    colour_mask,
    make_folder,
    save,
    some_labels,
    three_photos,
)
from trainables.data import inspection
from trainables.data.dataset import ClassMapping, Dataset, ImageRecord, UnreadableImageError
from trainables.data.folder import FolderDataset
from trainables.data.inspection_cache import read_inspections


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "data", {"one": {"a": True, "b": True}, "two": {"a": True, "c": False}})


def test_a_folder_is_a_dataset(root: Path, cache: Path) -> None:
    dataset: Dataset = FolderDataset.open(root, cache_dir=cache)
    assert dataset.classes == CLASSES
    assert [record.name for record in dataset.records] == ["one/a", "one/b", "two/a", "two/c"]
    for record in dataset.records:
        image = dataset.read_image(record)
        np.testing.assert_array_equal(image, np.asarray(Image.open(str(record.image_path))))
        assert (record.height, record.width) == ((HEIGHT, WIDTH) if record.labelled else (0, 0))
        if record.labelled:
            mask = dataset.read_mask(record)
            assert dataset.class_counts(record).tolist() == np.bincount(mask.ravel(), minlength=4).tolist()
    table = dataset.class_count_table(np.array([0, 2], dtype=np.int32))
    assert table.tolist() == [dataset.class_counts(dataset.records[position]).tolist() for position in (0, 2)]
    with pytest.raises(KeyError, match="two/c"):
        dataset.class_count_table(np.array([0, 3], dtype=np.int32))
    assert "4 images (3 labelled) of 4 photos in 2 captures, 4 classes" in dataset.description


def test_masks_of_several_kinds_in_one_folder_agree(root: Path, cache: Path) -> None:
    labels = some_labels(7)
    save(root / "one" / "masks" / "a.png", labels)
    save(root / "one" / "masks" / "b.png", colour_mask(labels))
    Image.fromarray(colour_mask(labels)).quantize(4).save(root / "two" / "masks" / "a.png")
    dataset = FolderDataset.open(root, cache_dir=cache)
    for record in dataset.records[:3]:
        np.testing.assert_array_equal(dataset.read_mask(record), labels)


def test_unlisted_photos_count_as_unlabelled_and_their_masks_are_not_read(root: Path, cache: Path) -> None:
    (root / "one" / "masks" / "b.png").write_bytes(b"broken")
    (root / "labeled_files.txt").write_text("a\n", encoding="utf-8")
    dataset = FolderDataset.open(root, cache_dir=cache)
    assert [record.name for record in dataset.records if record.labelled] == ["one/a", "two/a"]
    with pytest.raises(UnreadableImageError, match="has no mask"):
        dataset.read_mask(dataset.records[1])
    other = root.parent / "other.txt"
    other.write_text("one/a\n", encoding="utf-8")
    chosen = FolderDataset.open(root, labelled_list=other, cache_dir=cache)
    assert [record.name for record in chosen.records if record.labelled] == ["one/a"]


def test_copies_share_a_fingerprint_and_a_changed_mask_changes_it(root: Path, cache: Path) -> None:
    copy = root.parent / "elsewhere" / "copy"
    shutil.copytree(root, copy)
    for path in copy.rglob("*.png"):
        os.utime(path, ns=(1, 1))
    original = FolderDataset.open(root, cache_dir=cache)
    assert FolderDataset.open(copy, cache_dir=cache).fingerprint == original.fingerprint
    mask = np.asarray(Image.open(copy / "one" / "masks" / "a.png")).copy()
    mask[0, 0] = CLASSES.colours[1] if tuple(mask[0, 0]) != CLASSES.colours[1] else CLASSES.colours[2]
    save(copy / "one" / "masks" / "a.png", mask)
    assert FolderDataset.open(copy, cache_dir=cache).fingerprint != original.fingerprint
    (root / "labeled_files.txt").write_text("a\n", encoding="utf-8")
    assert FolderDataset.open(root, cache_dir=cache).fingerprint != original.fingerprint


def test_only_new_and_changed_files_are_inspected_again(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real = inspection.inspect_record

    def noted(record: ImageRecord, classes: ClassMapping) -> inspection.Inspected:
        seen.append(record.name)
        return real(record, classes)

    monkeypatch.setattr(inspection, "inspect_record", noted)
    first = FolderDataset.open(root, cache_dir=cache)
    assert sorted(seen) == ["one/a", "one/b", "two/a"]
    seen.clear()
    second = FolderDataset.open(root, cache_dir=cache)
    assert seen == []
    assert (second.fingerprint, second.records) == (first.fingerprint, first.records)
    assert second.inspected == first.inspected

    save(root / "one" / "masks" / "b.png", some_labels(99))
    os.utime(root / "one" / "masks" / "b.png", ns=(5, 5))
    changed = FolderDataset.open(root, cache_dir=cache)
    assert seen == ["one/b"]
    expected = np.bincount(some_labels(99).ravel(), minlength=4).tolist()
    assert changed.class_counts(changed.records[1]).tolist() == expected


def damaged(file: Path, kind: str) -> None:
    arrays = dict(np.load(file))
    match kind:
        case "short":
            file.write_bytes(file.read_bytes()[:-100])
        case "text":
            file.write_text("{}", encoding="utf-8")
        case "empty":
            file.write_bytes(b"")
        case "array":
            file.write_bytes(b"")
            with file.open("wb") as stream:
                np.save(stream, np.zeros(3))
        case "pickle":
            with file.open("wb") as stream:
                np.savez(stream, allow_pickle=True, **arrays | {"names": np.array([{}], dtype=object)})
        case "missing":
            del arrays["stamps"]
            np.savez(file, **arrays)
        case "classes":
            np.savez(file, **arrays | {"counts": arrays["counts"][:, :2]})


@pytest.mark.parametrize("kind", ["short", "text", "empty", "array", "pickle", "missing", "classes"])
def test_a_damaged_cache_is_no_cache(root: Path, cache: Path, kind: str) -> None:
    fingerprint = FolderDataset.open(root, cache_dir=cache).fingerprint
    (file,) = cache.iterdir()
    damaged(file, kind)
    assert FolderDataset.open(root, cache_dir=cache).fingerprint == fingerprint
    assert len(read_inspections(file, CLASSES).table) == 3


def test_inspections_of_photos_that_another_list_leaves_out_stay_remembered(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = FolderDataset.open(root, cache_dir=cache)
    (root / "one" / "masks" / "a.png").write_bytes(save(root.parent / "other.png", some_labels(5)).read_bytes())
    (root / "labeled_files.txt").write_text("one/a\n", encoding="utf-8")
    listed = FolderDataset.open(root, cache_dir=cache)
    assert list(listed.inspected) == ["one/a"]
    (root / "labeled_files.txt").unlink()
    monkeypatch.setattr(inspection, "inspect_record", None)
    again = FolderDataset.open(root, cache_dir=cache)
    assert again.inspected["one/b"] == everything.inspected["one/b"]
    assert again.inspected["one/a"] == listed.inspected["one/a"] != everything.inspected["one/a"]


def test_an_unwritable_cache_only_costs_time(root: Path, cache: Path) -> None:
    cache.write_text("a file where the folder should be", encoding="utf-8")
    assert len(FolderDataset.open(root, cache_dir=cache).records) == 4
    assert cache.read_text(encoding="utf-8").startswith("a file")


def test_the_cache_folder_can_be_chosen_by_variable(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGPARETO_CACHE", str(tmp_path / "chosen"))
    FolderDataset.open(root)
    assert [path.suffix for path in (tmp_path / "chosen").iterdir()] == [".npz"]


def test_a_broken_labelled_file_is_bad_input_with_the_number_of_others(root: Path, cache: Path) -> None:
    (root / "one" / "images" / "a.png").write_bytes(b"broken")
    save(root / "one" / "masks" / "b.png", some_labels(0, HEIGHT, WIDTH + 1))
    with pytest.raises(InputError) as caught:
        FolderDataset.open(root, cache_dir=cache)
    text = str(caught.value)
    assert "a.png: not an image" in text
    assert "and 1 more" in text
    assert f"python -m trainables.data check {root}" in text
    (root / "one" / "images" / "a.png").unlink()
    with pytest.raises(InputError, match=r"b\.png: 9 x 6 pixels, but its image has 8 x 6; python"):
        FolderDataset.open(root, cache_dir=cache)


def test_a_broken_unlabelled_image_is_found_when_it_is_read(root: Path, cache: Path) -> None:
    (root / "two" / "images" / "c.png").write_bytes(b"broken")
    dataset = FolderDataset.open(root, cache_dir=cache)
    with pytest.raises(UnreadableImageError, match=r"c\.png: not an image"):
        dataset.read_image(dataset.records[3])


def test_a_file_that_changes_its_size_after_inspection_is_unreadable(root: Path, cache: Path) -> None:
    dataset = FolderDataset.open(root, cache_dir=cache)
    save(root / "one" / "images" / "a.png", np.zeros((3, 3, 3), np.uint8))
    save(root / "one" / "masks" / "a.png", np.zeros((3, 3), np.uint8))
    for read in (dataset.read_image, dataset.read_mask):
        with pytest.raises(UnreadableImageError, match="3 x 3 pixels; it had 8 x 6 when it was inspected"):
            read(dataset.records[0])


def test_unknown_colours_are_counted_and_reported_in_one_line(root: Path, cache: Path) -> None:
    mask = colour_mask(some_labels(3))
    mask[5, :6] = (1, 2, 3)
    save(root / "one" / "masks" / "a.png", mask)
    for _ in range(2):  # inspected, then remembered
        dataset = FolderDataset.open(root, cache_dir=cache)
        (warning,) = [w for w in dataset.warnings if w.kind == "unknown colours"]
        assert warning.message == (
            "4.17% of the labelled pixels are of no class and ignored: 1 2 3; in 1 of 3 masks, most in one/a (12.50%)"
        )
        assert dataset.class_counts(dataset.records[0]).sum() == HEIGHT * WIDTH - 6


def test_masks_without_any_known_colour_are_bad_input(tmp_path: Path, cache: Path) -> None:
    root = make_folder(tmp_path / "data", {"one": {"a": False}})
    save(root / "one" / "masks" / "a.png", np.full((HEIGHT, WIDTH, 3), 200, np.uint8))
    with pytest.raises(InputError, match=r"no mask holds a colour or index of background.*they hold 200 200 200"):
        FolderDataset.open(root, cache_dir=cache)


def test_a_folder_without_its_mapping_is_bad_input_unless_one_is_given(tmp_path: Path, cache: Path) -> None:
    root = three_photos(tmp_path / "data")
    moved = (root / "class_mapping.csv").rename(tmp_path / "mapping.csv")
    with pytest.raises(InputError, match=r"class_mapping\.csv: there is no such file"):
        FolderDataset.open(root, cache_dir=cache)
    assert FolderDataset.open(root, class_mapping=moved, cache_dir=cache).classes == CLASSES
