"""Which photos of an output folder are complete, and what made their masks."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from spaces.errors import InputError
from trainables.journal import Journal, read_journal
from trainables.prediction.class_areas import ClassAreas
from trainables.prediction.masks import CompleteMasks
from trainables.prediction.photo_files import PhotoFile

FILE_NAME = "predictions.jsonl"


class _Complete(BaseModel):
    """A photo whose masks were complete when its line was written.

    Attributes:
        photo: Its name, and
        photo_path: where it lay.
        photo_file: Its stamp.
        made_by: What decided the masks.
        mask: Where they lie below the folder of their kind.
        file_bytes: Size of each, by kind.
        pixels: Of each class, by index.
        square_metres_per_pixel: Where the photo tells it.
    """

    model_config = ConfigDict(frozen=True)

    photo: str
    photo_path: str
    photo_file: tuple[int, int] | None
    made_by: list[Any]
    mask: str
    file_bytes: dict[str, int]
    pixels: tuple[int, ...]
    square_metres_per_pixel: float | None

    def is_of(self, photo: PhotoFile) -> bool:
        """Whether it tells of the photo as it is now, wherever that lies."""
        return self.photo == photo.name and photo.stamp is not None and self.photo_file == photo.stamp


class Records:
    """The record of an output folder: a line for each photo whose masks are complete.

    Args:
        folder: The output folder; nobody else may write to it meanwhile.
        made_by: What decides the masks: networks and settings.
    """

    def __init__(self, folder: Path, made_by: Sequence[Any]) -> None:
        self._folder = folder
        # As it comes back when it has been written.
        self._made_by: list[Any] = json.loads(json.dumps(made_by))
        # By mask: whoever wrote it last is the one it tells of.
        self._known = {entry.mask: entry for entry in _read(folder)}
        self._journal = Journal(folder, FILE_NAME)

    def mask_paths(self, photo: PhotoFile, kinds: Sequence[str]) -> dict[str, Path]:
        """Where a photo's masks lie, by kind."""
        return {kind: self._folder / kind / photo.mask_name for kind in kinds}

    def check_masks_are_theirs(self, photos: Iterable[PhotoFile]) -> None:
        """Make sure that no photo's masks would replace those of another one.

        Raises:
            InputError: They would.
        """
        for photo in photos:
            entry = self._known.get(photo.mask_name)
            if entry is None or entry.photo_path == str(photo.path) or entry.is_of(photo):
                continue
            if any((self._folder / kind / entry.mask).is_file() for kind in entry.file_bytes):
                raise InputError(
                    f"--output {self._folder}: {entry.mask} in it is the mask of {entry.photo_path}; right is another "
                    f"--output for {photo.path}, or --force to replace that mask"
                )

    def is_complete(self, photo: PhotoFile, kinds: Sequence[str]) -> bool:
        """Whether all masks wanted are there, whole, and made by the same of the same photo."""
        entry = self._known.get(photo.mask_name)
        return entry is not None and entry.is_of(photo) and set(kinds) <= self._whole_kinds(entry)

    def add(self, photo: PhotoFile, masks: CompleteMasks) -> None:
        """Note that a photo's masks are complete."""
        before = self._known.get(photo.mask_name)
        kept: dict[str, int] = {}
        if before is not None and before.is_of(photo):
            # Masks of other kinds, which an earlier call of the same settings wrote.
            kept = {kind: before.file_bytes[kind] for kind in self._whole_kinds(before)}
        entry = _Complete(
            photo=photo.name,
            photo_path=str(photo.path),
            photo_file=photo.stamp,
            made_by=self._made_by,
            mask=photo.mask_name,
            file_bytes=kept | masks.file_bytes,
            pixels=masks.pixels,
            square_metres_per_pixel=masks.square_metres_per_pixel,
        )
        self._journal.append("photo", wait=False, **entry.model_dump(mode="json"))
        self._known[photo.mask_name] = entry

    def areas(self) -> Iterator[ClassAreas]:
        """Class areas of all photos in the folder that the same made, by name."""
        for entry in sorted(self._known.values(), key=lambda entry: entry.photo):
            if self._whole_kinds(entry):
                yield ClassAreas(entry.photo, entry.pixels, entry.square_metres_per_pixel)

    def _whole_kinds(self, entry: _Complete) -> set[str]:
        """The kinds of a photo's masks that are as the same wrote them."""
        if entry.made_by != self._made_by:
            return set()
        return {kind for kind, size in entry.file_bytes.items() if _bytes(self._folder / kind / entry.mask) == size}

    def close(self) -> None:
        """Close the record."""
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _read(folder: Path) -> Iterator[_Complete]:
    for event in read_journal(folder, FILE_NAME):
        try:
            yield _Complete.model_validate(event)
        except ValidationError:
            # What does not tell all this counts for nothing: its photo is predicted again.
            continue


def _bytes(path: Path) -> int | None:
    """Size of a file: a system that went down may have kept the name and lost the content. None where it is not."""
    try:
        return path.stat().st_size
    except OSError:
        return None
