"""Folders that a data file describes: other layouts, values, photos and captures by name."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spaces.command_line import EXIT_DONE
from spaces.data_description import DataDescription
from spaces.errors import InputError
from tests.trainables.data.folder_builder import save
from trainables.data.__main__ import main
from trainables.data.class_mapping import described_classes
from trainables.data.dataset import IGNORE_INDEX
from trainables.data.folder import FolderDataset, unknown_colours_warning
from trainables.data.folder_index import index_folder
from trainables.data.opening import DataSource

BINARY = (
    "images: '*_sat.jpg'\nmasks: '{stem}_mask.png'\n"
    "classes: [{name: ground, values: 0}, {name: building, values: 255}]\n"
)


def blank() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.zeros((4, 6, 3), np.uint8)


def mask(*values: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.resize(np.array(values, np.uint8), (4, 6))


def data_file(folder: Path, text: str) -> Path:
    path = folder / "data.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGPARETO_CACHE", str(tmp_path / "cache"))


def test_images_and_masks_may_share_a_folder(tmp_path: Path) -> None:
    root = tmp_path / "scenes"
    for name in ("1", "2"):
        save(root / f"{name}_sat.jpg", blank())
    save(root / "1_mask.png", mask(0, 255))
    save(root / "notes.png", mask(0))
    path = data_file(tmp_path, f"root: scenes\n{BINARY}")
    dataset = DataSource.named(str(path)).open()
    first, second = dataset.records
    assert [(r.name, r.photo, r.labelled) for r in (first, second)] == [("./1", "./1", True), ("./2", "./2", False)]
    assert first.mask_path == root / "1_mask.png"
    assert dataset.class_counts(first).tolist() == [12, 12]
    assert set(np.unique(dataset.read_mask(first))) == {0, 1}
    assert dataset.classes.colours[0] == (0, 0, 0)
    assert isinstance(dataset, FolderDataset)
    assert [problem.kind for problem in dataset.warnings] == ["other files", "images without mask"]


@pytest.mark.parametrize(
    ("images", "masks", "names"),
    [("*.jpg", "{stem}_mask.jpg", ["./a"]), ("{stem}.*", "{stem}.png", ["./a"]), ("*.jpg", "m_{stem}.*", ["./a"])],
)
def test_of_a_pair_in_one_folder_one_is_the_mask(tmp_path: Path, images: str, masks: str, names: list[str]) -> None:
    save(tmp_path / "a.jpg", blank())
    for name in ("a_mask.jpg",) if masks == "{stem}_mask.jpg" else ("a.png", "m_a.png")[masks == "m_{stem}.*" :][:1]:
        save(tmp_path / name, mask(0))
    index = index_folder(tmp_path, DataDescription(images=images, masks=masks))
    assert index.records.names.to_list() == names
    assert index.records.labelled.tolist() == [masks != "{stem}_mask.jpg"]
    assert [problem.kind for problem in index.problems] == ["mask is a JPEG"] * (masks == "{stem}_mask.jpg")


def test_the_default_layout_is_one_of_the_patterns(tmp_path: Path) -> None:
    for name in ("images/a.png", "masks/a.png", "one/images/b.png", "one/masks/b.tif"):
        save(tmp_path / name, blank())
    written = DataDescription(images="{capture}/images/{stem}.*", masks="{capture}/masks/{stem}.*")
    ours, theirs = index_folder(tmp_path, written).records, index_folder(tmp_path).records
    assert ours == theirs
    assert ours.names.to_list() == ["./a", "one/b"]


def test_photos_and_captures_are_told_by_names(tmp_path: Path) -> None:
    for name in ("austin1_01", "austin1_02", "austin2_01", "chicago1_01"):
        save(tmp_path / "images" / f"{name}.tif", blank())
        save(tmp_path / "gt" / f"{name}.tif", mask(0, 255))
    description = DataDescription(
        images="images/*.tif", masks="gt/*.tif", photo=r"(.+)_\d+", capture=r"([a-z]+)\d+_\d+"
    )
    index = index_folder(tmp_path, description)
    assert [(r.name, r.photo, r.capture) for r in index.records] == [
        ("austin/austin1_01", "austin/austin1", "austin"),
        ("austin/austin1_02", "austin/austin1", "austin"),
        ("austin/austin2_01", "austin/austin2", "austin"),
        ("chicago/chicago1_01", "chicago/chicago1", "chicago"),
    ]
    assert all(r.mask_path == tmp_path / "gt" / f"{r.name.rpartition('/')[2]}.tif" for r in index.records)


@pytest.mark.parametrize("which", ["photo", "capture"])
def test_a_name_that_an_expression_does_not_fit_is_an_error(tmp_path: Path, which: str) -> None:
    """Patches that are silently photos of their own would put neighbours on both sides of the split."""
    for name in ("a_1", "b"):
        save(tmp_path / f"{name}.jpg", blank())
    description = DataDescription.model_validate({"images": "*.jpg", "masks": "{stem}.png", which: r"(.+)_\d"})
    (problem,) = index_folder(tmp_path, description).problems
    assert (problem.severity, problem.kind) == ("error", f"name of no {which}")
    assert "b.jpg" in problem.message


def test_captures_may_be_folders_within_the_folders_of_images_and_masks(tmp_path: Path) -> None:
    save(tmp_path / "rgb" / "one" / "a.jpg", blank())
    save(tmp_path / "labels" / "one" / "a.png", mask(0))
    description = DataDescription(images="rgb/{capture}/*.jpg", masks="labels/{capture}/*.png")
    (record,) = index_folder(tmp_path, description).records
    assert (record.name, record.mask_path) == ("one/a", tmp_path / "labels" / "one" / "a.png")


def test_a_folder_without_such_files_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(InputError, match=r"images: images/\*\.tif fits no .* file in .*; images holds nothing"):
        index_folder(tmp_path, DataDescription(images="images/*.tif", masks="gt/*.tif"))
    with pytest.raises(InputError, match=r"there is no folder photos in it; it holds images"):
        index_folder(tmp_path, DataDescription(images="photos/*.tif", masks="gt/*.tif"))


@pytest.mark.parametrize(
    ("key", "pattern", "told"),
    [
        ("masks", "gt/{stem}_mask.png", "gt holds a.png, b.png; the mask of a.jpg would be a_mask.png"),
        ("masks", "{stem}_mask.png", "holds data.yaml; the mask of a.jpg would be a_mask.png"),
        ("masks", "gts/{stem}.png", "there is no folder gts (did you mean gt?); the data folder holds gt, images"),
        ("images", "image/*.jpg", "there is no folder image in it (did you mean images?); it holds gt, images"),
        ("images", "images/*.tif", "fits no PNG, JPEG or TIFF file"),
        ("capture", "(x)_.+", "images/a.jpg: the expression of capture:"),
        ("photo", "(x)_.+", "images/a.jpg: the expression of photo:"),
    ],
)
def test_a_pattern_that_fits_nothing_is_told_with_its_line_and_with_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str, pattern: str, told: str
) -> None:
    for name in "ab":
        save(tmp_path / "images" / f"{name}.jpg", blank())
        save(tmp_path / "gt" / f"{name}.png", mask(0, 255))
    written = {"images": "images/*.jpg", "masks": "gt/{stem}.png", "photo": "(.+)", "capture": "(.).*"} | {key: pattern}
    lines = [f"{name}: '{text}'\n" for name, text in written.items()]
    path = data_file(tmp_path, f"root: .\n{''.join(lines)}{BINARY.splitlines()[2]}\n")
    place = f"data file {path}, line {2 + list(written).index(key)}"
    with pytest.raises(InputError) as caught:
        DataSource.named(str(path)).open()
    assert str(caught.value).startswith(f"{place}: ") and "\n" not in str(caught.value)
    assert told in str(caught.value)
    with pytest.raises(InputError) as caught:
        main(["check", str(path)])
    assert place in capsys.readouterr().out + str(caught.value)


def test_pixels_of_no_class_are_one_warning_with_their_share(tmp_path: Path) -> None:
    for name in "ab":
        save(tmp_path / f"{name}_sat.jpg", blank())
    save(tmp_path / "a_mask.png", mask(0, 7, 8))
    save(tmp_path / "b_mask.png", mask(0, 255))
    path = data_file(tmp_path, f"root: .\n{BINARY}")
    told = unknown_colours_warning(DataSource.named(str(path)).open())
    assert told is not None and told.startswith("33.33% of the labelled pixels are of no class and ignored: value 7")
    assert "in 1 of 2 masks, most in ./a (66.67%)" in told
    ignoring = data_file(tmp_path, f"root: .\n{BINARY}ignored: [7, 8]\n")
    assert unknown_colours_warning(DataSource.named(str(ignoring)).open()) is None


def test_another_meaning_of_the_masks_is_other_data_and_decoded_anew(tmp_path: Path) -> None:
    root = tmp_path / "scenes"
    save(root / "1_sat.jpg", blank())
    save(root / "1_mask.png", mask(0, 7, 255))
    first = DataSource.named(str(data_file(tmp_path, f"root: scenes\n{BINARY}"))).open()
    second = DataSource.named(str(data_file(tmp_path, f"root: scenes\n{BINARY}ignored: [7]\n"))).open()
    assert first.fingerprint != second.fingerprint
    assert isinstance(first, FolderDataset) and isinstance(second, FolderDataset)
    assert [problem.kind for problem in first.warnings] == ["unknown colours"]
    assert not second.warnings
    assert (second.read_mask(second.records[0]) == IGNORE_INDEX).sum() == 8


def test_a_gif_mask_is_read_by_the_greys_of_its_palette(tmp_path: Path) -> None:
    save(tmp_path / "images" / "a.jpg", blank())
    (tmp_path / "masks").mkdir()
    Image.fromarray(mask(0, 255)).save(tmp_path / "masks" / "a_mask.gif")
    text = BINARY.replace("'*_sat.jpg'", "images/*.jpg").replace("'{stem}_mask.png'", "masks/{stem}_mask.gif")
    dataset = DataSource.named(str(data_file(tmp_path, f"root: .\n{text}"))).open()
    assert dataset.class_counts(dataset.records[0]).tolist() == [12, 12]


def test_options_stand_above_the_file(tmp_path: Path) -> None:
    listed, mapping = tmp_path / "listed.txt", tmp_path / "classes.csv"
    listed.write_text("1\n", encoding="utf-8")
    mapping.write_text("class_name,class_color\na,0 0 0\nb,255 255 255\n", encoding="utf-8")
    path = data_file(tmp_path, f"root: .\n{BINARY}")
    source = DataSource.named(str(path), class_mapping=str(mapping), labeled_list=str(listed))
    assert source.folder_arguments()["class_mapping"] == mapping.resolve()
    assert source.labeled_list == str(listed.resolve())


def test_the_example_is_checked_and_counted_by_its_data_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["example", str(tmp_path / "scenes")]) == EXIT_DONE
    path = data_file(tmp_path, f"root: scenes\n{BINARY}")
    assert main(["check", str(path)]) == EXIT_DONE
    assert "24 images (16 labelled) of 24 photos" in capsys.readouterr().out
    assert main(["stats", str(path)]) == EXIT_DONE
    assert "1 building" in capsys.readouterr().out
    with pytest.raises(InputError, match="not empty"):
        main(["example", str(tmp_path / "scenes")])


def test_what_was_found_under_one_layout_is_not_believed_under_another(tmp_path: Path) -> None:
    root = tmp_path / "scenes"
    save(root / "1.png", blank())
    for folder, values in (("roads", (0, 255)), ("water", (0, 0, 0, 255))):
        # As unpacked archives leave them: uncompressed files of equal sizes, of one time.
        save(root / folder / "1.bmp", mask(*values))
        os.utime(root / folder / "1.bmp", (1e9, 1e9))
    pixels = []
    for folder in ("roads", "water"):
        text = BINARY.replace("*_sat.jpg", "*.png").replace("{stem}_mask.png", f"{folder}/*.bmp")
        dataset = DataSource.named(str(data_file(tmp_path, f"root: scenes\n{text}"))).open()
        pixels.append(int(dataset.class_counts(dataset.records[0])[1]))
    assert pixels == [12, 6]


def test_a_class_is_not_given_a_colour_that_is_ignored() -> None:
    classes = ({"name": "a"}, {"name": "b"})
    given = described_classes(DataDescription.model_validate({"classes": classes})).colours
    ignoring = DataDescription.model_validate({"classes": classes, "ignored": given})
    assert not set(described_classes(ignoring).colours) & set(given)
