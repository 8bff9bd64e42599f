"""Reading `labeled_files.txt`: the source photos whose masks may be learned from."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from spaces.errors import InputError
from trainables.data.folder_index import PATCH_MARK
from trainables.data.image_files import IMAGE_SUFFIXES
from trainables.data.records import NO_PLACE, RecordTable

LABELLED_LIST_FILE = "labeled_files.txt"


def read_labelled_list(path: Path) -> tuple[str, ...]:
    """Read the list: UTF-8 text, one source photo per line, empty lines left out.

    Args:
        path: The text file.

    Raises:
        InputError: The file can't be read or names no photo.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; it lists one source photo per line") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: can't be read as UTF-8 text: {error}") from error
    entries = tuple(line.strip().replace("\\", "/") for line in text.splitlines() if line.strip())
    if not entries:
        raise InputError(f"{path}: it is empty; it must list one source photo per line")
    return entries


def apply_labelled_list(records: RecordTable, entries: Sequence[str], source: Path) -> RecordTable:
    """Keep the masks of the listed photos' images only; everything else becomes unlabelled.

    An entry names a photo exactly, with or without the extension of an image file: "DJI_0462" or
    "DJI_0462.JPG". It means the photo of that name in every capture; "salak-1-2/DJI_0462" means the one of
    that capture.

    Args:
        records: The images of the folder.
        entries: The lines of the list.
        source: The list's file, for messages.

    Returns:
        The same images in the same order.

    Raises:
        InputError: An entry names no photo of the folder, or one that has no mask at all.
    """
    photos = {records.photos[code] for code in np.unique(records.photo_codes)}
    with_mask = {records.photos[code] for code in np.unique(records.photo_codes[records.labelled])}
    by_bare_name: dict[str, list[str]] = {}
    for photo in photos:
        by_bare_name.setdefault(photo.rpartition("/")[2], []).append(photo)

    listed: set[str] = set()
    for entry in entries:
        named = _match(entry, photos, by_bare_name) or _match(_without_suffix(entry), photos, by_bare_name)
        if not named:
            hint = f", the part before {PATCH_MARK}" if PATCH_MARK in entry else ""
            raise InputError(f"{source}: {entry!r} is no source photo of the data; it must be its exact name{hint}")
        if not with_mask.intersection(named):
            raise InputError(f"{source}: the photo {entry!r} is listed but has no mask; add its masks or remove it")
        listed.update(named)
    is_listed = np.array([photo in listed for photo in records.photos], dtype=np.bool_)
    labelled = records.labelled & is_listed[records.photo_codes]
    mask_codes = np.where(labelled, records.mask_codes, np.int32(NO_PLACE))
    return replace(records, labelled=labelled, mask_codes=mask_codes)


def _match(name: str, photos: set[str], by_bare_name: dict[str, list[str]]) -> list[str]:
    return [name] if name in photos else by_bare_name.get(name, [])


def _without_suffix(entry: str) -> str:
    stem, dot, suffix = entry.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in IMAGE_SUFFIXES else entry
