from pathlib import Path

import pytest

from spaces.errors import InputError
from trainables.prediction.photo_files import find_photos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = ("a/1.jpg", "a/2.PNG", "a/notes.txt", "a/.hidden.jpg", "b/1.jpg", "b/deep/3.tif", "b/images/4.png")
    for name in (*names, "b/masks/4.png", "out/colour/1.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def names(*words: object, recursive: bool = False, output: Path = Path("nowhere")) -> list[str]:
    return [photo.name for photo in find_photos([str(word) for word in words], recursive=recursive, output=output)]


def test_a_folder_gives_its_images(folder: Path) -> None:
    assert names(folder / "a") == ["1.jpg", "2.PNG"]
    assert names(folder / "b") == ["1.jpg"]


def test_folders_in_folders_without_masks_and_output(folder: Path) -> None:
    found = names(folder, recursive=True, output=folder / "out")
    assert found == ["a/1.jpg", "a/2.PNG", "b/1.jpg", "b/deep/3.tif", "b/images/4.png"]


def test_structure_below_what_all_have_in_common_is_kept(folder: Path) -> None:
    assert names(folder / "a", folder / "b") == ["a/1.jpg", "a/2.PNG", "b/1.jpg"]
    assert names(folder / "b" / "1.jpg") == ["1.jpg"]


def test_patterns_are_expanded_here(folder: Path) -> None:
    assert names(folder / "*" / "1.jpg") == ["a/1.jpg", "b/1.jpg"]
    assert names(folder / "**" / "*.tif") == ["b/deep/3.tif"]
    assert names(folder / "[ab]") == ["a/1.jpg", "a/2.PNG", "b/1.jpg"]


def test_patterns_take_no_masks_beside_images_unless_they_name_them(folder: Path) -> None:
    assert names(folder / "b" / "**" / "*.png") == ["images/4.png"]
    assert names(folder / "b" / "*" / "*.png") == ["images/4.png"]
    assert names(folder / "b" / "masks" / "*.png") == ["4.png"]


def test_a_folder_called_like_a_pattern_is_a_folder(folder: Path) -> None:
    path = folder / "flight [2024]" / "1.jpg"
    path.parent.mkdir()
    path.write_bytes(b"")
    assert names(folder / "flight [2024]" / "*.jpg") == ["1.jpg"]
    assert names(folder / "flight [2024]" / "[0-9].jpg") == ["1.jpg"]


@pytest.mark.parametrize("output", [".", "a"])
def test_masks_may_go_where_the_photos_are(folder: Path, output: str) -> None:
    for kind in ("colour", "index"):
        mask = folder / output / kind / "1.png"
        mask.parent.mkdir(parents=True, exist_ok=True)
        mask.write_bytes(b"")
    assert names(folder / "a", output=folder / output) == ["1.jpg", "2.PNG"]
    assert names(folder / "a", recursive=True, output=folder / output) == ["1.jpg", "2.PNG"]
    assert names(folder / "a" / "**" / "*", output=folder / output) == ["1.jpg", "2.PNG"]


def test_a_photo_is_stamped_before_it_is_opened(folder: Path) -> None:
    (photo,) = find_photos([str(folder / "b")], recursive=False, output=Path("x"))
    assert photo.stamp == (0, photo.path.stat().st_mtime_ns)


def test_a_file_called_like_a_pattern_is_a_file(folder: Path) -> None:
    path = folder / "a" / "photo[1].jpg"
    path.write_bytes(b"")
    assert names(path) == ["photo[1].jpg"]


def test_each_photo_once(folder: Path) -> None:
    assert names(folder / "a", folder / "a" / "1.jpg", folder / "a" / ".." / "a" / "*.jpg") == ["1.jpg", "2.PNG"]


def test_two_photos_with_one_mask_are_refused(folder: Path) -> None:
    (folder / "a" / "1.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"1\.jpg and .*1\.png would both be written to 1\.png"):
        names(folder / "a")


@pytest.mark.parametrize(
    ("word", "hint"), [("none.jpg", "no such file"), ("a/*.tif", "pattern"), ("empty", "--recurs")]
)
def test_nothing_is_told(folder: Path, word: str, hint: str) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match=hint):
        names(folder / word)


def test_masks_of_tiffs_are_tiffs(folder: Path) -> None:
    found = find_photos([str(folder / "b" / "deep"), str(folder / "a" / "2.PNG")], recursive=False, output=Path("x"))
    assert [photo.mask_name for photo in found] == ["a/2.png", "b/deep/3.tif"]
