"""What a data set is to the rest of the program: records, classes, and the reading of one image or mask."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from trainables.data.records import RecordTable

IGNORE_INDEX = 255
"""Mask value of a pixel that has no class: never learned from, never counted."""


class UnreadableImageError(Exception):
    """An image file that can't be decoded; its message is one line that names the file and what is wrong."""


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image of a data set, perhaps with a mask.

    Attributes:
        name: Unique name, "capture/file-stem".
        photo: Source photo, unique as "capture/photo": patches cut from one photo share it.
        capture: The capture (one flight, one folder) that the photo belongs to.
        image_path: The image file; None where images are drawn instead of read.
        mask_path: The mask file; None where there is none, or where it must not be used.
        height: Pixels; 0 where unknown: files of unlabelled images are not opened before they are needed.
        width: Pixels; 0 where unknown.
        labelled: Whether the image has a mask that may be learned from.
    """

    name: str
    photo: str
    capture: str
    image_path: Path | None
    mask_path: Path | None
    height: int
    width: int
    labelled: bool


@dataclass(frozen=True, slots=True)
class ClassMapping:
    """The classes of a data set; a class's place is its index.

    Attributes:
        names: Class names, unique; the first is the background, which mIoU leaves out.
        colours: (red, green, blue) of each class in colour masks, 0 to 255, unique.
        values: What grey masks hold for each class; empty where masks hold colours or class indices.
        ignored_values: Grey values of masks that mean no class on purpose.
        ignored_colours: Colours that do.
    """

    names: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]
    values: tuple[tuple[int, ...], ...] = ()
    ignored_values: tuple[int, ...] = ()
    ignored_colours: tuple[tuple[int, int, int], ...] = ()


class Dataset(Protocol):
    """Images with and without masks. The properties may be plain attributes: they are read, never written."""

    @property
    def classes(self) -> ClassMapping:
        """The classes that masks hold, in the order of their indices."""
        ...

    @property
    def records(self) -> "RecordTable":
        """All images, ordered by name."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of what the data are: equal data, equal fingerprint, on every machine."""
        ...

    @property
    def description(self) -> str:
        """One line for people."""
        ...

    def read_image(self, record: ImageRecord) -> NDArray[np.uint8]:
        """Read an image: (H, W, 3), RGB.

        Raises:
            UnreadableImageError: The file can't be decoded.
        """
        ...

    def read_mask(self, record: ImageRecord) -> NDArray[np.uint8]:
        """Read the mask of a labelled image: (H, W) class indices, `IGNORE_INDEX` where a pixel has no class.

        Raises:
            UnreadableImageError: The file can't be decoded.
        """
        ...

    def class_counts(self, record: ImageRecord) -> NDArray[np.int64]:
        """Pixels of each class in a labelled image's mask, (C,), counted once per data set."""
        ...

    def class_count_table(self, positions: NDArray[np.int32]) -> NDArray[np.int64]:
        """Pixels of each class in the masks of the labelled images at some positions of `records`, (N, C)."""
        ...
