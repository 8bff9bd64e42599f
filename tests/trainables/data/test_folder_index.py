from pathlib import Path

import numpy as np
import pytest

from spaces.errors import InputError
from tests.trainables.data.folder_builder import make_folder, save, some_labels
from trainables.data.folder_index import index_folder, photo_of


def kinds(root: Path) -> list[tuple[str, str]]:
    return [(problem.severity, problem.kind) for problem in index_folder(root).problems]


@pytest.mark.parametrize(
    ("stem", "photo"),
    [("DJI_0462_patch_013_000", "DJI_0462"), ("DJI_0462", "DJI_0462"), ("a_patch_b_patch_000_001", "a")],
)
def test_the_source_photo_is_the_name_up_to_the_patch_mark(stem: str, photo: str) -> None:
    assert photo_of(stem) == photo


def test_images_are_paired_with_masks_by_stem_and_ordered_by_name(tmp_path: Path) -> None:
    root = make_folder(tmp_path, {"two": {"b_patch_000_001": True}, "one": {"b_patch_000_000": False}})
    save(root / "one" / "images" / "c.JPG", np.zeros((2, 2, 3), np.uint8))
    save(root / "one" / "masks" / "c.tif", np.zeros((2, 2), np.uint8))
    first, second, third = index_folder(root).records
    assert [r.name for r in (first, second, third)] == ["one/b_patch_000_000", "one/c", "two/b_patch_000_001"]
    assert (first.labelled, first.mask_path, first.photo, first.capture) == (False, None, "one/b", "one")
    assert (second.labelled, second.mask_path) == (True, root / "one" / "masks" / "c.tif")
    assert third.photo == "two/b"  # another photo than one/b
    assert third.image_path == root / "two" / "images" / "b_patch_000_001.png"


def test_the_root_may_be_the_only_capture(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "anywhere", {".": {"a": True, "b": False}})
    index = index_folder(root)
    assert [(r.name, r.capture, r.labelled) for r in index.records] == [("./a", ".", True), ("./b", ".", False)]


def test_droppings_of_file_managers_are_no_images(tmp_path: Path) -> None:
    root = make_folder(tmp_path, {"one": {"a": True}})
    (root / "one" / "images" / "._a.png").write_bytes(b"x")
    (root / ".cache" / "images").mkdir(parents=True)
    (root / "one" / "images" / "Thumbs.db").write_bytes(b"x")
    (root / "notes").mkdir()
    assert [r.name for r in index_folder(root).records] == ["one/a"]
    assert kinds(root) == [("warning", "other files")]


def test_what_is_odd_about_names_is_reported(tmp_path: Path) -> None:
    root = make_folder(tmp_path, {"one": {"a": True, "b": True, "c": False}})
    save(root / "one" / "images" / "b.jpg", np.zeros((2, 2, 3), np.uint8))
    save(root / "one" / "masks" / "a.tif", some_labels(0))
    save(root / "one" / "masks" / "c.jpg", some_labels(0))
    save(root / "one" / "masks" / "orphan.png", some_labels(0))
    save(root / "masks_only" / "masks" / "x.png", some_labels(0))
    problems = {problem.message: problem.severity for problem in index_folder(root).problems}
    assert problems == {
        "masks_only: has a folder masks but no folder images": "warning",
        "one/images: b.jpg and b.png differ in the extension only": "error",
        "one/masks: a.png and a.tif are masks of one image; keep one": "error",
        "one/masks/c.jpg: JPEG changes the colours of a mask; save it as PNG": "error",
        "one/masks/b.png: there is no image b": "warning",
        "one/masks/orphan.png: there is no image orphan": "warning",
    }


def test_a_folder_without_images_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such folder"):
        index_folder(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no images in it; .* found no folder"):
        index_folder(tmp_path)
    (tmp_path / "photos").mkdir()
    with pytest.raises(InputError, match="found photos"):
        index_folder(tmp_path)
    (tmp_path / "photos" / "images").mkdir()
    with pytest.raises(InputError, match="no image in it; PNG, JPEG and TIFF"):
        index_folder(tmp_path)
