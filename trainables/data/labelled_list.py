"""Reading `labeled_files.txt`: the source photos whose masks may be learned from."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from spaces.errors import InputError
from trainables.data.dataset import ImageRecord
from trainables.data.folder_index import PATCH_MARK
from trainables.data.image_files import IMAGE_SUFFIXES

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


def apply_labelled_list(
    records: Sequence[ImageRecord], entries: Sequence[str], source: Path
) -> tuple[ImageRecord, ...]:
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
    photos = {record.photo for record in records}
    with_mask = {record.photo for record in records if record.labelled}
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
    return tuple(record if record.photo in listed or not record.labelled else _unlabelled(record) for record in records)


def _match(name: str, photos: set[str], by_bare_name: dict[str, list[str]]) -> list[str]:
    return [name] if name in photos else by_bare_name.get(name, [])


def _without_suffix(entry: str) -> str:
    stem, dot, suffix = entry.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in IMAGE_SUFFIXES else entry


def _unlabelled(record: ImageRecord) -> ImageRecord:
    return replace(record, mask_path=None, labelled=False)
