"""Which photos of an output folder are complete, and what made their masks."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from trainables.journal import Event, Journal, read_journal
from trainables.prediction.class_areas import ClassAreas
from trainables.prediction.masks import CompleteMasks
from trainables.prediction.photo_files import PhotoFile

FILE_NAME = "predictions.jsonl"


class Records:
    """The record of an output folder: a line for each photo whose masks are complete.

    Args:
        folder: The output folder; nobody else may write to it meanwhile.
        made_by: What decides the masks: networks and settings.
    """

    def __init__(self, folder: Path, made_by: Sequence[Any]) -> None:
        self._folder = folder
        self._made_by = _plain(made_by)
        self._known: dict[str, Event] = {entry["photo"]: entry for entry in read_journal(folder, FILE_NAME)}
        self._journal = Journal(folder, FILE_NAME)

    def mask_paths(self, photo: PhotoFile, kinds: Sequence[str]) -> dict[str, Path]:
        """Where a photo's masks lie, by kind."""
        return {kind: self._folder / kind / photo.mask_name for kind in kinds}

    def is_complete(self, photo: PhotoFile, kinds: Sequence[str]) -> bool:
        """Whether all masks wanted are there, whole, and made by the same of the same photo."""
        entry = self._known.get(photo.name)
        return entry is not None and entry["photo_file"] == _stamp(photo.path) and self._is_whole(entry, kinds)

    def add(self, photo: PhotoFile, masks: CompleteMasks) -> None:
        """Note that a photo's masks are complete."""
        self._known[photo.name] = self._journal.append(
            "photo",
            wait=False,
            photo=photo.name,
            photo_file=_stamp(photo.path),
            made_by=self._made_by,
            mask=photo.mask_name,
            file_bytes=masks.file_bytes,
            pixels=masks.pixels,
            square_metres_per_pixel=masks.square_metres_per_pixel,
        )
        self._known[photo.name] = _plain(self._known[photo.name])

    def areas(self) -> Iterator[ClassAreas]:
        """Class areas of all photos in the folder that the same made, by name."""
        for name, entry in sorted(self._known.items()):
            if self._is_whole(entry, tuple(entry["file_bytes"])):
                yield ClassAreas(name, tuple(entry["pixels"]), entry["square_metres_per_pixel"])

    def _is_whole(self, entry: Event, kinds: Sequence[str]) -> bool:
        if entry["made_by"] != self._made_by:
            return False
        for kind in kinds:
            path = self._folder / kind / entry["mask"]
            # The size as well: a system that went down may have kept the name and lost the content.
            if not path.is_file() or path.stat().st_size != entry["file_bytes"].get(kind):
                return False
        return True

    def close(self) -> None:
        """Close the record."""
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _stamp(path: Path) -> list[int]:
    """Size in bytes and time of the last change: another photo under the same name has others."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _plain(value: Any) -> Any:
    """What comes back when it has been written as JSON."""
    import json

    return json.loads(json.dumps(value))
