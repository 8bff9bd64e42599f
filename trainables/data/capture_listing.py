"""The images of one capture and the masks that belong to them, from the names of the files alone."""

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from spaces.data_description import DataDescription
from spaces.file_patterns import FilePattern
from trainables.data.image_files import IMAGE_SUFFIXES, MASK_SUFFIXES


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


class FolderListing:
    """Lists folders and remembers when each was changed.

    Attributes:
        root: The data folder; paths of other folders are relative to it, with "/".
        began_ns: When the listing began, ns since 1970.
        folder_times: When each folder that was looked into was last changed, before it was.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.began_ns = time.time_ns()
        self.folder_times: dict[str, int] = {}

    def has_folder(self, path: str) -> bool:
        """Whether there is such a folder."""
        return (self.root / path).is_dir()

    def folders(self, path: str) -> list[str]:
        """Names of the folders within one, hidden ones left out."""
        with self._scan(path) as entries:
            return sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))

    def files(self, path: str) -> list[str]:
        """Names of the files within one, hidden ones left out."""
        with self._scan(path) as entries:
            # Names with a leading dot are droppings of file managers, "._photo.jpg" among them.
            return [e.name for e in entries if not e.name.startswith(".") and e.is_file()]

    def watch(self, path: str) -> None:
        """Remember a folder's time, if not done yet; of one that is not there, the time of where it would be."""
        place = PurePosixPath(path)
        while not (self.root / place).is_dir():
            place = place.parent
        if str(place) not in self.folder_times:
            self.folder_times[str(place)] = (self.root / place).stat().st_mtime_ns

    def _scan(self, path: str) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        self.watch(path)
        return os.scandir(self.root / path)


@dataclass(slots=True)
class Capture:
    """The images of one capture.

    Attributes:
        name: The capture.
        images: The folder of its images, relative to the data folder.
        masks: The folder of its masks.
        stems: What tells its files apart, ascending.
        image_ends: What follows the stem in each image's name.
        mask_ends: What follows it in the mask's name; "" for no mask.
    """

    name: str
    images: str
    masks: str
    stems: list[str] = field(default_factory=list)
    image_ends: list[str] = field(default_factory=list)
    mask_ends: list[str] = field(default_factory=list)


def list_capture(
    listing: FolderListing, name: str, description: DataDescription, problems: list[Problem]
) -> list[Capture]:
    """The images of a folder: one capture, or several where file names tell them apart.

    Args:
        listing: Of the data folder.
        name: The capture that the folder is.
        description: Where its files lie.
        problems: Takes what is wrong with names.

    Raises:
        OSError: A folder can't be listed.
    """
    at = description.images_pattern.folder(name)
    found = Capture(name, at, description.masks_pattern.folder(name))
    images, masks, foreign = _ends_by_stem(listing, found, description)
    for stem in sorted(images):
        ends = images[stem]
        usable = [end for end in ends if _extension(end) in IMAGE_SUFFIXES]
        if not usable:
            foreign += len(ends)
            continue
        if len(usable) > 1:
            names = " and ".join(sorted(description.images_pattern.prefix + stem + end for end in usable))
            problems.append(Problem("error", "same name twice", f"{at}: {names} differ in the extension only"))
            continue
        found.stems.append(stem)
        found.image_ends.append(usable[0])
        called = f"{description.masks_pattern.prefix}{stem}"
        found.mask_ends.append(_mask_end(called, masks.pop(stem, ()), found.masks, problems))
    if foreign:
        kind = "no PNG, JPEG or TIFF" if description.images_pattern.any_extension else f"not {description.images}"
        problems.append(Problem("warning", "other files", f"{at}: {foreign} files that are {kind}"))
    for stem, ends in sorted(masks.items()):
        if any(_extension(end) in IMAGE_SUFFIXES | MASK_SUFFIXES for end in ends):
            text = f"{found.masks}/{description.masks_pattern.prefix}{stem}{min(ends)}: there is no image {stem}"
            problems.append(Problem("warning", "mask without image", text))
    return [found] if description.capture is None else _divided(found, description.capture, problems)


_Ends = dict[str, tuple[str, ...]]


def _ends_by_stem(listing: FolderListing, capture: Capture, description: DataDescription) -> tuple[_Ends, _Ends, int]:
    """What follows the stem in the names of images and of masks, and how many files are neither."""
    images, masks = description.images_pattern, description.masks_pattern
    names = listing.files(capture.images)
    if capture.masks != capture.images:
        listing.watch(capture.masks)
        others = listing.files(capture.masks) if listing.has_folder(capture.masks) else []
        of_images, unfit = _by_stem(names, images)
        return of_images, _by_stem(others, masks)[0], unfit
    stems = {parts[0] for name in names if (parts := images.divided(name))}

    def is_mask(name: str) -> bool:
        as_mask, as_image = masks.divided(name), images.divided(name)
        if as_mask is None or as_image is None:
            return as_mask is not None
        # Of "a.jpg" and "a_mask.jpg" both may be images by name; one of a pair is the mask.
        return images.any_extension if as_mask[0] == as_image[0] else as_mask[0] in stems

    mask_names = {name for name in names if is_mask(name)}
    of_images, unfit = _by_stem([name for name in names if name not in mask_names], images)
    return of_images, _by_stem(sorted(mask_names), masks)[0], unfit


def _by_stem(names: list[str], pattern: FilePattern) -> tuple[_Ends, int]:
    """What follows each stem in the names that fit a pattern, and how many don't."""
    found: _Ends = {}
    alone: _Ends = {}
    unfit = 0
    for name in names:
        parts = pattern.divided(name)
        if parts is None:
            unfit += 1
            continue
        stem, end = parts
        # Hundreds of thousands of files have one extension: they share one object.
        own = alone.get(end) or alone.setdefault(end, (sys.intern(end),))
        found[stem] = found[stem] + own if stem in found else own
    return found, unfit


def _mask_end(called: str, ends: tuple[str, ...], place: str, problems: list[Problem]) -> str:
    """What follows in the name of the one usable mask that is `called` so; "" where there is none."""
    if not ends:
        return ""
    usable = sorted(end for end in ends if _extension(end) in MASK_SUFFIXES)
    if len(usable) > 1:
        text = f"{place}: {' and '.join(called + end for end in usable)} are masks of one image; keep one"
        problems.append(Problem("error", "same name twice", text))
        return ""
    lossy = sorted(end for end in ends if _extension(end) in IMAGE_SUFFIXES)
    if not usable and lossy:
        text = f"{place}/{called}{lossy[0]}: JPEG changes the colours of a mask; save it as PNG"
        problems.append(Problem("error", "mask is a JPEG", text))
        return ""
    return usable[0] if usable else ""


def _divided(found: Capture, expression: str, problems: list[Problem]) -> list[Capture]:
    captures: dict[str, Capture] = {}
    for stem, image, mask in zip(found.stems, found.image_ends, found.mask_ends, strict=True):
        name = named_part(expression, stem)
        if not name:
            text = f"{found.images}/{stem}{image}: the expression of capture:, {expression}, does not fit it"
            problems.append(Problem("error", "name of no capture", text))
            continue
        capture = captures.setdefault(name, Capture(name, found.images, found.masks))
        capture.stems.append(stem)
        capture.image_ends.append(image)
        capture.mask_ends.append(mask)
    return list(captures.values())


def named_part(expression: str, stem: str) -> str | None:
    """What the group of a regular expression finds in a whole stem; None where it does not fit."""
    match = re.fullmatch(expression, stem)
    return match[1] if match else None


def _extension(end: str) -> str:
    return f".{end.rpartition('.')[2].lower()}" if "." in end else ""
