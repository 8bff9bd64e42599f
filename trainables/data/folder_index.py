"""What lies in a data folder: which images there are and which mask belongs to which, from file names alone.

    ROOT/CAPTURE/images/PHOTO_patch_013_000.png     masks beside images, same name up to the extension
    ROOT/CAPTURE/masks/PHOTO_patch_013_000.png
    ROOT/images, ROOT/masks                         a single capture, whose name is then "."

No file is opened and none is asked for its size here, so that some hundred thousand of them take seconds.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spaces.errors import InputError
from trainables.data.image_files import IMAGE_SUFFIXES, MASK_SUFFIXES
from trainables.data.records import NO_PLACE, Place, RecordTable
from trainables.data.text_column import TextColumn

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
        records: Its images; `labelled` where there is a mask; sizes unknown (0).
        problems: What is wrong with the names of the files.
        listed_ns: When the listing began, ns since 1970.
        folder_times: When each folder that was looked into was last changed, ns since 1970, by path relative to
            the data folder; asked for before it was listed. As long as they stay, so does the index.
    """

    records: RecordTable
    problems: tuple[Problem, ...]
    listed_ns: int
    folder_times: dict[str, int]


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
    problems: list[Problem] = []
    listing = _Listing(root)
    try:
        captures = _captures(listing, problems)
        # In the order of the images' names, which begin with the capture and a slash.
        found = [_list_capture(listing, name, problems) for name in sorted(captures, key=lambda name: f"{name}/")]
    except OSError as error:
        raise InputError(f"{error.filename}: can't be listed: {error.strerror}") from error
    if not captures:
        others = sorted(entry.name for entry in root.iterdir() if entry.is_dir())[:5]
        raise InputError(
            f"{root}: no images in it; it must hold CAPTURE/{IMAGE_FOLDER}, or {IMAGE_FOLDER}; "
            f"found {', '.join(others) or 'no folder'}"
        )
    if not any(capture.stems for capture in found) and not any(problem.severity == "error" for problem in problems):
        raise InputError(
            f"{root / captures[0] / IMAGE_FOLDER}: no image in it; PNG, JPEG and TIFF files are read "
            f"({', '.join(sorted(IMAGE_SUFFIXES))})"
        )
    records = _record_table(root, [capture for capture in found if capture.stems])
    return FolderIndex(records, tuple(problems), listing.began_ns, listing.folder_times)


class _Listing:
    """Lists folders and remembers when each was changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.began_ns = time.time_ns()
        self.folder_times: dict[str, int] = {}

    def has_folder(self, path: str) -> bool:
        return (self.root / path).is_dir()

    def folders(self, path: str) -> list[str]:
        with self._scan(path) as entries:
            return sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))

    def files(self, path: str) -> list[str]:
        with self._scan(path) as entries:
            # Names with a leading dot are droppings of file managers, "._photo.jpg" among them.
            return [e.name for e in entries if not e.name.startswith(".") and e.is_file()]

    def watch(self, path: str) -> None:
        self.folder_times[path] = (self.root / path).stat().st_mtime_ns

    def _scan(self, path: str) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        self.watch(path)
        return os.scandir(self.root / path)


@dataclass(slots=True)
class _Capture:
    """The images of one capture: file name up to the extension, ascending, and extensions; "" for no mask."""

    name: str
    stems: list[str] = field(default_factory=list)
    image_suffixes: list[str] = field(default_factory=list)
    mask_suffixes: list[str] = field(default_factory=list)


def _captures(listing: _Listing, problems: list[Problem]) -> list[str]:
    names = listing.folders(".")
    captures = [ROOT_CAPTURE] if IMAGE_FOLDER in names else []
    for name in names:
        if name in {IMAGE_FOLDER, MASK_FOLDER}:
            continue
        listing.watch(name)
        if listing.has_folder(f"{name}/{IMAGE_FOLDER}"):
            captures.append(name)
        elif listing.has_folder(f"{name}/{MASK_FOLDER}"):
            text = f"{name}: has a folder {MASK_FOLDER} but no folder {IMAGE_FOLDER}"
            problems.append(Problem("warning", "capture without images", text))
    return captures


def _list_capture(listing: _Listing, capture: str, problems: list[Problem]) -> _Capture:
    images = _suffixes_by_stem(listing.files(f"{capture}/{IMAGE_FOLDER}"))
    has_masks = listing.has_folder(f"{capture}/{MASK_FOLDER}")
    masks = _suffixes_by_stem(listing.files(f"{capture}/{MASK_FOLDER}")) if has_masks else {}
    found = _Capture(capture)
    foreign = 0
    for stem in sorted(images):
        suffixes = images[stem]
        usable = [suffix for suffix in suffixes if suffix.lower() in IMAGE_SUFFIXES]
        if not usable:
            foreign += len(suffixes)
            continue
        if len(usable) > 1:
            names = " and ".join(sorted(stem + suffix for suffix in usable))
            text = f"{capture}/{IMAGE_FOLDER}: {names} differ in the extension only"
            problems.append(Problem("error", "same name twice", text))
            continue
        found.stems.append(stem)
        found.image_suffixes.append(usable[0])
        found.mask_suffixes.append(_mask_suffix(stem, masks.pop(stem, ()), f"{capture}/{MASK_FOLDER}", problems))
    if foreign:
        text = f"{capture}/{IMAGE_FOLDER}: {foreign} files that are no PNG, JPEG or TIFF"
        problems.append(Problem("warning", "other files", text))
    for stem, suffixes in sorted(masks.items()):
        if any(suffix.lower() in IMAGE_SUFFIXES for suffix in suffixes):
            text = f"{capture}/{MASK_FOLDER}/{stem}{min(suffixes)}: there is no image {stem}"
            problems.append(Problem("warning", "mask without image", text))
    return found


def _mask_suffix(stem: str, suffixes: tuple[str, ...], place: str, problems: list[Problem]) -> str:
    if not suffixes:
        return ""
    usable = sorted(suffix for suffix in suffixes if suffix.lower() in MASK_SUFFIXES)
    if len(usable) > 1:
        text = f"{place}: {' and '.join(stem + suffix for suffix in usable)} are both masks of {stem}; keep one"
        problems.append(Problem("error", "same name twice", text))
        return ""
    lossy = sorted(suffix for suffix in suffixes if suffix.lower() in IMAGE_SUFFIXES)
    if not usable and lossy:
        text = f"{place}/{stem}{lossy[0]}: JPEG changes the colours of a mask; save it as PNG"
        problems.append(Problem("error", "mask is a JPEG", text))
        return ""
    return usable[0] if usable else ""


def _suffixes_by_stem(names: list[str]) -> dict[str, tuple[str, ...]]:
    """The extensions, dot included, that files of one name have."""
    found: dict[str, tuple[str, ...]] = {}
    alone: dict[str, tuple[str, ...]] = {}
    for name in names:
        stem, dot, extension = name.rpartition(".")
        if not dot:
            stem, extension = name, ""
        # Hundreds of thousands of files have one extension: they share one object.
        own = alone.get(extension) or alone.setdefault(extension, (sys.intern(dot + extension),))
        found[stem] = found[stem] + own if stem in found else own
    return found


def _record_table(root: Path, captures: list[_Capture]) -> RecordTable:
    names, photo_of_image, capture_of_image, image_codes, mask_codes = [], [], [], [], []
    ordered_captures = tuple(sorted(capture.name for capture in captures))
    photo_names: dict[str, int] = {}
    places: dict[Place, int] = {}
    for capture in captures:
        prefix = f"{capture.name}/"
        names.append(TextColumn.from_texts(prefix + stem for stem in capture.stems).data)
        photos = [photo_names.setdefault(prefix + photo_of(stem), len(photo_names)) for stem in capture.stems]
        photo_of_image.append(np.array(photos, dtype=np.int32))
        capture_of_image.append(np.full(len(photos), ordered_captures.index(capture.name), dtype=np.int32))
        image_codes.append(_place_codes(root / capture.name / IMAGE_FOLDER, capture.image_suffixes, places))
        mask_codes.append(_place_codes(root / capture.name / MASK_FOLDER, capture.mask_suffixes, places))
    order = sorted(photo_names)
    rank = np.zeros(len(order), dtype=np.int32)
    rank[[photo_names[photo] for photo in order]] = np.arange(len(order), dtype=np.int32)
    masks = _joined(mask_codes)
    return RecordTable(
        names=TextColumn.from_bytes(np.concatenate(names) if names else b""),
        photos=tuple(order),
        captures=ordered_captures,
        places=tuple(places),
        photo_codes=rank[_joined(photo_of_image)],
        capture_codes=_joined(capture_of_image),
        image_codes=_joined(image_codes),
        mask_codes=masks,
        heights=np.zeros(len(masks), dtype=np.int32),
        widths=np.zeros(len(masks), dtype=np.int32),
        labelled=masks != NO_PLACE,
    )


def _place_codes(folder: Path, suffixes: list[str], places: dict[Place, int]) -> NDArray[np.int32]:
    code_of = {"": NO_PLACE}
    for suffix in dict.fromkeys(suffixes):
        if suffix:
            code_of[suffix] = places.setdefault(Place(folder, suffix), len(places))
    return np.array([code_of[suffix] for suffix in suffixes], dtype=np.int32)


def _joined(parts: list[NDArray[np.int32]]) -> NDArray[np.int32]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)
