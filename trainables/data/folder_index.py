"""What lies in a data folder: which images there are and which mask belongs to which, from file names alone.

    ROOT/CAPTURE/images/PHOTO_patch_013_000.png     masks beside images, same name up to the extension
    ROOT/CAPTURE/masks/PHOTO_patch_013_000.png
    ROOT/images, ROOT/masks                         a single capture, whose name is then "."

This is the layout of a description that says nothing; another gives patterns of its own. No file is opened and none is
asked for its size here, so that some hundred thousand of them take seconds.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spaces.data_description import DataDescription
from spaces.errors import InputError
from trainables.data.capture_listing import Capture, FolderListing, Problem, list_capture, named_part
from trainables.data.image_files import IMAGE_SUFFIXES
from trainables.data.layout_mistakes import no_image, no_image_folder, no_masks
from trainables.data.records import NO_PLACE, Place, RecordTable
from trainables.data.text_column import TextColumn

IMAGE_FOLDER = "images"
MASK_FOLDER = "masks"
PATCH_MARK = "_patch_"
ROOT_CAPTURE = "."
"""Capture name of images that lie in no capture's folder: the same on every machine, wherever ROOT is."""

PLAIN = DataDescription()
"""The layout above, with classes in `class_mapping.csv`."""


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


def index_folder(root: Path, description: DataDescription = PLAIN) -> FolderIndex:
    """List the images of a data folder and pair them with their masks.

    Args:
        root: The data folder.
        description: Where its files lie.

    Raises:
        InputError: It is no readable folder, or holds no image in that layout.
    """
    plain = description.images == PLAIN.images
    layout = f"CAPTURE/{IMAGE_FOLDER} and /{MASK_FOLDER}" if plain else description.images
    if not root.is_dir():
        raise InputError(f"{root}: there is no such folder; it must hold {layout}")
    problems: list[Problem] = []
    listing = FolderListing(root)
    try:
        names = _captures(listing, description, problems)
        found = [capture for name in names for capture in list_capture(listing, name, description, problems)]
    except OSError as error:
        raise InputError(f"{error.filename}: can't be listed: {error.strerror}") from error
    if not names:
        if not plain:
            raise no_image_folder(root, description)
        others = sorted(entry.name for entry in root.iterdir() if entry.is_dir())[:5]
        wanted = f"CAPTURE/{IMAGE_FOLDER}, or {IMAGE_FOLDER}"
        raise InputError(f"{root}: no images in it; it must hold {wanted}; found {', '.join(others) or 'no folder'}")
    if not any(capture.stems for capture in found) and not any(problem.severity == "error" for problem in problems):
        folder = description.images_pattern.folder(names[0])
        if not plain:
            raise no_image(root, folder, description)
        raise InputError(
            f"{root / folder}: no image in it; PNG, JPEG and TIFF files are read ({', '.join(sorted(IMAGE_SUFFIXES))})"
        )
    # In the order of the images' names, which begin with the capture and a slash.
    filled = sorted((capture for capture in found if capture.stems), key=lambda capture: f"{capture.name}/")
    records = _record_table(root, filled, description, problems)
    named = description.masks != PLAIN.masks
    if named and not records.labelled.any() and not any(problem.severity == "error" for problem in problems):
        problems.append(no_masks(listing, filled[0], description))
    return FolderIndex(records, tuple(problems), listing.began_ns, listing.folder_times)


def _captures(listing: FolderListing, description: DataDescription, problems: list[Problem]) -> list[str]:
    """Names of the captures whose folders hold images."""
    images, masks = description.images_pattern, description.masks_pattern
    listing.watch(images.top)
    if not images.captured:
        return [ROOT_CAPTURE] if listing.has_folder(images.top) else []
    if not listing.has_folder(images.top):
        return []
    names = listing.folders(images.top)
    # The folder of the captures may be one itself: ROOT/images beside ROOT/CAPTURE/images.
    inner = {pattern.after[0] for pattern in (images, masks) if pattern.after and pattern.top == images.top}
    captures = [ROOT_CAPTURE] if images.after and images.after[0] in names else []
    for name in names:
        if name in inner:
            continue
        at = images.folder(name)
        listing.watch(at)
        if listing.has_folder(at):
            captures.append(name)
        elif listing.has_folder(masks.folder(name)):
            text = f"{name}: has a folder {'/'.join(masks.after)} but no folder {'/'.join(images.after)}"
            problems.append(Problem("warning", "capture without images", text))
    return captures


def _photo(stem: str, description: DataDescription) -> str | None:
    return photo_of(stem) if description.photo is None else named_part(description.photo, stem)


def _record_table(
    root: Path, captures: list[Capture], description: DataDescription, problems: list[Problem]
) -> RecordTable:
    names, photo_of_image, capture_of_image = [], [], []
    image_codes: list[NDArray[np.int32]] = []
    mask_codes: list[NDArray[np.int32]] = []
    ordered_captures = tuple(sorted(capture.name for capture in captures))
    photo_names: dict[str, int] = {}
    places: dict[Place, int] = {}
    for capture in captures:
        prefix = f"{capture.name}/"
        names.append(TextColumn.from_texts(prefix + stem for stem in capture.stems).data)
        photos = []
        for stem, end in zip(capture.stems, capture.image_ends, strict=True):
            photo = _photo(stem, description)
            if not photo:
                text = f"{capture.images}/{stem}{end}: the expression of photo:, {description.photo}, does not fit it"
                problems.append(Problem("error", "name of no photo", text))
            photos.append(photo_names.setdefault(prefix + (photo or stem), len(photo_names)))
        photo_of_image.append(np.array(photos, dtype=np.int32))
        capture_of_image.append(np.full(len(photos), ordered_captures.index(capture.name), dtype=np.int32))
        for codes, folder, ends, pattern in (
            (image_codes, capture.images, capture.image_ends, description.images_pattern),
            (mask_codes, capture.masks, capture.mask_ends, description.masks_pattern),
        ):
            codes.append(_place_codes(root / folder, pattern.prefix, ends, places))
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


def _place_codes(folder: Path, prefix: str, ends: list[str], places: dict[Place, int]) -> NDArray[np.int32]:
    code_of = {"": NO_PLACE}
    for end in dict.fromkeys(ends):
        if end:
            code_of[end] = places.setdefault(Place(folder, end, prefix), len(places))
    return np.array([code_of[end] for end in ends], dtype=np.int32)


def _joined(parts: list[NDArray[np.int32]]) -> NDArray[np.int32]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)
