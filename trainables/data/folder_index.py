"""What lies in a data folder: which images there are and which mask belongs to which, from file names alone.

    ROOT/CAPTURE/images/PHOTO_patch_013_000.png     masks beside images, same name up to the extension
    ROOT/CAPTURE/masks/PHOTO_patch_013_000.png
    ROOT/images, ROOT/masks                         a single capture, whose name is then "."

No file is opened and none is asked for its size here, so that some hundred thousand of them take seconds.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spaces.errors import InputError
from trainables.data.dataset import ImageRecord
from trainables.data.image_files import IMAGE_SUFFIXES, MASK_SUFFIXES

IMAGE_FOLDER = "images"
MASK_FOLDER = "masks"
PATCH_MARK = "_patch_"
ROOT_CAPTURE = "."
"""Capture name of images that lie in ROOT/images: the same on every machine, wherever ROOT is."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a data folder that its owner should know.

    Attributes:
        severity: An "error" keeps the folder from being used, a "warning" does not.
        kind: Short heading, the same for problems of one kind.
        message: One line that names the file, relative to the data folder.
    """

    severity: Literal["error", "warning"]
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class FolderIndex:
    """The images of a data folder.

    Attributes:
        records: One per image, ordered by name; `labelled` where there is a mask; sizes unknown (0).
        problems: What is wrong with the names of the files.
    """

    records: tuple[ImageRecord, ...]
    problems: tuple[Problem, ...]


def photo_of(stem: str) -> str:
    """Name of the source photo of an image: its file name up to `_patch_`."""
    return stem.partition(PATCH_MARK)[0]


def index_folder(root: Path) -> FolderIndex:
    """List the images of a data folder and pair them with their masks.

    Args:
        root: The data folder.

    Raises:
        InputError: It is no readable folder, or holds no image in the layout above.
    """
    if not root.is_dir():
        raise InputError(f"{root}: there is no such folder; it must hold CAPTURE/{IMAGE_FOLDER} and /{MASK_FOLDER}")
    records: list[ImageRecord] = []
    problems: list[Problem] = []
    try:
        captures = list(_captures(root, problems))
        for capture, folder in captures:
            _index_capture(capture, folder, records, problems)
    except OSError as error:
        raise InputError(f"{error.filename}: can't be listed: {error.strerror}") from error
    if not captures:
        found = sorted(entry.name for entry in root.iterdir() if entry.is_dir())[:5]
        raise InputError(
            f"{root}: no images in it; it must hold CAPTURE/{IMAGE_FOLDER}, or {IMAGE_FOLDER}; "
            f"found {', '.join(found) or 'no folder'}"
        )
    if not records and not any(problem.severity == "error" for problem in problems):
        raise InputError(
            f"{captures[0][1] / IMAGE_FOLDER}: no image in it; PNG, JPEG and TIFF files are read "
            f"({', '.join(sorted(IMAGE_SUFFIXES))})"
        )
    records.sort(key=lambda record: record.name)
    return FolderIndex(tuple(records), tuple(problems))


def _captures(root: Path, problems: list[Problem]) -> Iterator[tuple[str, Path]]:
    with os.scandir(root) as entries:
        names = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    if IMAGE_FOLDER in names:
        yield ROOT_CAPTURE, root
    for name in names:
        if name in {IMAGE_FOLDER, MASK_FOLDER}:
            continue
        if (root / name / IMAGE_FOLDER).is_dir():
            yield name, root / name
        elif (root / name / MASK_FOLDER).is_dir():
            text = f"{name}: has a folder {MASK_FOLDER} but no folder {IMAGE_FOLDER}"
            problems.append(Problem("warning", "capture without images", text))


def _index_capture(capture: str, folder: Path, records: list[ImageRecord], problems: list[Problem]) -> None:
    images = _files_by_stem(folder / IMAGE_FOLDER)
    masks = _files_by_stem(folder / MASK_FOLDER) if (folder / MASK_FOLDER).is_dir() else {}
    image_folder, mask_folder = folder / IMAGE_FOLDER, folder / MASK_FOLDER
    foreign = 0
    for stem, names in images.items():
        usable = [name for name in names if _suffix(name) in IMAGE_SUFFIXES]
        if not usable:
            foreign += len(names)
            continue
        if len(usable) > 1:
            text = f"{capture}/{IMAGE_FOLDER}: {' and '.join(sorted(usable))} differ in the extension only"
            problems.append(Problem("error", "same name twice", text))
            continue
        mask = _mask_of(stem, masks.pop(stem, []), f"{capture}/{MASK_FOLDER}", problems)
        photo = photo_of(stem)
        records.append(
            ImageRecord(
                name=f"{capture}/{stem}",
                photo=f"{capture}/{photo}",
                capture=capture,
                image_path=image_folder / usable[0],
                mask_path=None if mask is None else mask_folder / mask,
                height=0,
                width=0,
                labelled=mask is not None,
            )
        )
    if foreign:
        text = f"{capture}/{IMAGE_FOLDER}: {foreign} files that are no PNG, JPEG or TIFF"
        problems.append(Problem("warning", "other files", text))
    for stem, names in sorted(masks.items()):
        if any(_suffix(name) in IMAGE_SUFFIXES for name in names):
            text = f"{capture}/{MASK_FOLDER}/{sorted(names)[0]}: there is no image {stem}"
            problems.append(Problem("warning", "mask without image", text))


def _mask_of(stem: str, names: list[str], place: str, problems: list[Problem]) -> str | None:
    if not names:
        return None
    usable = sorted(name for name in names if _suffix(name) in MASK_SUFFIXES)
    if len(usable) > 1:
        text = f"{place}: {' and '.join(usable)} are both masks of {stem}; keep one"
        problems.append(Problem("error", "same name twice", text))
        return None
    lossy = sorted(name for name in names if _suffix(name) in IMAGE_SUFFIXES)
    if not usable and lossy:
        text = f"{place}/{lossy[0]}: JPEG changes the colours of a mask; save it as PNG"
        problems.append(Problem("error", "mask is a JPEG", text))
        return None
    return usable[0] if usable else None


def _files_by_stem(folder: Path) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    with os.scandir(folder) as entries:
        for entry in entries:
            # Names with a leading dot are droppings of file managers, "._photo.jpg" among them.
            if not entry.name.startswith(".") and entry.is_file():
                found[entry.name.rpartition(".")[0] or entry.name].append(entry.name)
    return dict(found)


def _suffix(name: str) -> str:
    return "." + name.rpartition(".")[2].lower()
