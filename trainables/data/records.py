"""The images of a data set as a table of compact columns; a record is made when it is asked for.

Some hundred thousand images take about 60 bytes each here, in this process and in every one that gets a copy.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from trainables.data.dataset import ImageRecord
from trainables.data.text_column import TextColumn

NO_PLACE = -1
"""Place code of a file that is not there."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the paths of many files have in common: `folder / (prefix + last part of the record's name + suffix)`.

    Attributes:
        folder: The folder that they lie in.
        suffix: The end of their names, ".png" or "_mask.png" say.
        prefix: The beginning of their names.
    """

    folder: Path
    suffix: str
    prefix: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class RecordTable(Sequence[ImageRecord]):
    """Images in ascending order of their names, which are unique; N of them.

    Attributes:
        names: Their names, (N,).
        photos: Names of source photos, ascending; more than these images' where the table was taken from another.
        captures: Names of captures, likewise.
        places: Where files lie.
        photo_codes: Index in `photos` of each image, (N,) int32.
        capture_codes: Index in `captures` of each image, (N,) int32.
        image_codes: Index in `places` of each image's file, `NO_PLACE` where there is none, (N,) int32.
        mask_codes: Likewise of each image's mask, (N,) int32.
        heights: Pixels, 0 where unknown, (N,) int32.
        widths: Pixels, 0 where unknown, (N,) int32.
        labelled: Whether the mask may be learned from, (N,) bool.
    """

    names: TextColumn
    photos: tuple[str, ...]
    captures: tuple[str, ...]
    places: tuple[Place, ...]
    photo_codes: NDArray[np.int32]
    capture_codes: NDArray[np.int32]
    image_codes: NDArray[np.int32]
    mask_codes: NDArray[np.int32]
    heights: NDArray[np.int32]
    widths: NDArray[np.int32]
    labelled: NDArray[np.bool_]

    @classmethod
    def from_records(cls, records: Iterable[ImageRecord]) -> "RecordTable":
        """The table of some records, whatever their order.

        Raises:
            ValueError: Two have one name, or a file is not called like its record.
        """
        ordered = sorted(records, key=lambda record: record.name)
        names = [record.name for record in ordered]
        if len(set(names)) != len(names):
            raise ValueError("two images of one name")
        photos = tuple(sorted({record.photo for record in ordered}))
        captures = tuple(sorted({record.capture for record in ordered}))
        photo_code = {photo: code for code, photo in enumerate(photos)}
        capture_code = {capture: code for code, capture in enumerate(captures)}
        place_code: dict[Place, int] = {}

        def code_of(name: str, path: Path | None) -> int:
            if path is None:
                return NO_PLACE
            stem = name.rpartition("/")[2]
            prefix, found, suffix = path.name.partition(stem)
            if not found:
                raise ValueError(f"{path}: not called like its record {name}")
            return place_code.setdefault(Place(path.parent, suffix, prefix), len(place_code))

        return cls(
            names=TextColumn.from_texts(names),
            photos=photos,
            captures=captures,
            photo_codes=np.array([photo_code[record.photo] for record in ordered], dtype=np.int32),
            capture_codes=np.array([capture_code[record.capture] for record in ordered], dtype=np.int32),
            image_codes=np.array([code_of(record.name, record.image_path) for record in ordered], dtype=np.int32),
            mask_codes=np.array([code_of(record.name, record.mask_path) for record in ordered], dtype=np.int32),
            places=tuple(place_code),
            heights=np.array([record.height for record in ordered], dtype=np.int32),
            widths=np.array([record.width for record in ordered], dtype=np.int32),
            labelled=np.array([record.labelled for record in ordered], dtype=np.bool_),
        )

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> ImageRecord: ...

    @overload
    def __getitem__(self, index: slice) -> "RecordTable": ...

    def __getitem__(self, index: int | slice) -> "ImageRecord | RecordTable":
        if isinstance(index, slice):
            return self.take(np.arange(len(self), dtype=np.int32)[index])
        name = self.names[index]
        return ImageRecord(
            name=name,
            photo=self.photos[self.photo_codes[index]],
            capture=self.captures[self.capture_codes[index]],
            image_path=self._path(name, self.image_codes[index]),
            mask_path=self._path(name, self.mask_codes[index]),
            height=int(self.heights[index]),
            width=int(self.widths[index]),
            labelled=bool(self.labelled[index]),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RecordTable):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def take(self, positions: NDArray[np.int32]) -> "RecordTable":
        """The images at some positions.

        Args:
            positions: (M,), ascending, each at most once.

        Raises:
            ValueError: They don't ascend.
            IndexError: There is no such position.
        """
        if len(positions) and (np.diff(positions) <= 0).any():
            raise ValueError("positions must ascend, so that names do")
        if len(positions) and not 0 <= positions[0] <= positions[-1] < len(self):
            raise IndexError(f"positions {positions[0]} to {positions[-1]} of {len(self)} images")
        return replace(
            self,
            names=self.names.take(positions),
            photo_codes=self.photo_codes[positions],
            capture_codes=self.capture_codes[positions],
            image_codes=self.image_codes[positions],
            mask_codes=self.mask_codes[positions],
            heights=self.heights[positions],
            widths=self.widths[positions],
            labelled=self.labelled[positions],
        )

    def labelled_positions(self) -> NDArray[np.int32]:
        """Positions of the labelled images, ascending."""
        return np.flatnonzero(self.labelled).astype(np.int32)

    def unlabelled_positions(self) -> NDArray[np.int32]:
        """Positions of the others, ascending."""
        return np.flatnonzero(~self.labelled).astype(np.int32)

    def position(self, name: str) -> int:
        """Position of the image of a name.

        Raises:
            KeyError: There is none.
        """
        place = self.names.place_of(name)
        if place is None:
            raise KeyError(name)
        return place

    def _path(self, name: str, code: int) -> Path | None:
        if code == NO_PLACE:
            return None
        place = self.places[code]
        return place.folder / (place.prefix + name.rpartition("/")[2] + place.suffix)
