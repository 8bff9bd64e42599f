from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from spaces.errors import InputError
from tests.trainables.data.folder_builder import colour_mask, make_folder, save, some_labels, write_mapping
from trainables.data.folder import FolderDataset
from trainables.data.patchify import patch_starts, patchify


@settings(deadline=None, derandomize=True)
@given(length=st.integers(1, 300), size=st.integers(1, 100), data=st.data())
def test_patches_are_full_and_cover_every_pixel(length: int, size: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(1, size))
    starts = patch_starts(length, size, stride)
    assert starts[0] == 0
    assert starts[-1] == max(length - size, 0)
    assert all(0 < after - before <= stride for before, after in pairwise(starts))


def test_masks_keep_their_kind(tmp_path: Path) -> None:
    labels = some_labels(0, 6, 6)
    root = tmp_path / "data"
    for stem in ("rgb", "palette", "grey", "wide"):
        save(root / "one" / "images" / f"{stem}.tif", np.zeros((6, 6, 3), np.uint8))
    write_mapping(root)
    save(root / "one" / "masks" / "rgb.png", colour_mask(labels))
    save(root / "one" / "masks" / "grey.png", labels)
    save(root / "one" / "masks" / "wide.tif", np.where(labels == 1, 301, labels).astype(np.uint16))
    Image.fromarray(colour_mask(labels)).quantize(4).save(root / "one" / "masks" / "palette.png")
    counts = patchify(root, tmp_path / "out", size=3)
    assert (counts.photos, counts.patches, counts.masks, counts.skipped) == (4, 16, 16, ())
    modes = {
        stem: Image.open(tmp_path / "out" / "one" / "masks" / f"{stem}_patch_001_001.png").mode
        for stem in ("rgb", "palette", "grey", "wide")
    }
    assert modes == {"rgb": "RGB", "palette": "P", "grey": "L", "wide": "I;16"}
    dataset = FolderDataset.open(tmp_path / "out", cache_dir=tmp_path / "cache")
    for record in dataset.records:
        stem, _, place = record.name.removeprefix("one/").partition("_patch_")
        row, column = (3 * int(part) for part in place.split("_"))
        expected = labels[row : row + 3, column : column + 3]
        if stem == "wide":
            expected = np.where(expected == 1, 255, expected)
        np.testing.assert_array_equal(dataset.read_mask(record), expected)


def test_a_photo_smaller_than_a_patch_is_one_patch(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "data", {".": {"a": True}})
    assert patchify(root, tmp_path / "out").patches == 1
    patch = Image.open(tmp_path / "out" / "images" / "a_patch_000_000.png")
    np.testing.assert_array_equal(patch, Image.open(root / "images" / "a.png"))


def test_the_labelled_list_goes_along_and_still_matches(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "data", {"one": {"a": True, "b": True}})
    (root / "labeled_files.txt").write_text("a\n", encoding="utf-8")
    patchify(root, tmp_path / "out", size=4)
    records = FolderDataset.open(tmp_path / "out", cache_dir=tmp_path / "cache").records
    assert {record.photo for record in records if record.labelled} == {"one/a"}


def test_a_broken_unlabelled_photo_is_skipped_a_broken_labelled_one_is_not(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "data", {"one": {"a": True, "b": False}})
    (root / "one" / "images" / "b.png").write_bytes(b"broken")
    counts = patchify(root, tmp_path / "out", size=4)
    assert counts.photos == 1
    assert len(counts.skipped) == 1
    assert "b.png: not an image" in counts.skipped[0]
    save(root / "one" / "masks" / "a.png", some_labels(0, 5, 5))
    with pytest.raises(InputError, match=r"a\.png: 5 x 5 pixels, but its image has 8 x 6"):
        patchify(root, tmp_path / "second", size=4)
    assert not (tmp_path / "second").exists()
    assert not (tmp_path / "second.partial").exists()


def test_an_empty_destination_is_used_and_a_running_one_is_left_alone(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "data", {"one": {"a": True}})
    (tmp_path / "empty").mkdir()
    assert patchify(root, tmp_path / "empty", size=4).patches == 4
    (tmp_path / "busy.partial").mkdir()
    (tmp_path / "busy.partial" / "patch").write_bytes(b"x")
    with pytest.raises(InputError, match="left over from another run"):
        patchify(root, tmp_path / "busy", size=4)
    assert (tmp_path / "busy.partial" / "patch").exists()
