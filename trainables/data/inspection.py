"""The one-time inspection of labelled files: each is decoded, checked and counted."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainables.data.dataset import IGNORE_INDEX, ClassMapping, ImageRecord, UnreadableImageError
from trainables.data.decoding_threads import decoded_in_order
from trainables.data.image_files import decode_image, decode_mask_pixels, read_bytes
from trainables.data.mask_decoding import decode_mask
from trainables.data.records import RecordTable

Progress = Callable[[int, int], None]
"""Called with (images done, images in all)."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """What was found in one labelled image and its mask.

    Attributes:
        height: Pixels.
        width: Pixels.
        counts: Pixels of each class, (C,).
        unknown_pixels: Pixels of the mask whose colour or index is that of no class.
        unknown_values: The most frequent of these as (text, pixels).
        image_digest: SHA-256 of the image file, hexadecimal.
        mask_digest: SHA-256 of the mask file, hexadecimal.
    """

    height: int
    width: int
    counts: tuple[int, ...]
    unknown_pixels: int
    unknown_values: tuple[tuple[str, int], ...]
    image_digest: str
    mask_digest: str

    @property
    def ignored_share(self) -> float:
        """Share of the pixels that have no class, 0 to 1."""
        return 1.0 - sum(self.counts) / (self.height * self.width)


def inspect_record(record: ImageRecord, classes: ClassMapping) -> Inspected:
    """Decode a labelled image and its mask and count the mask's classes.

    Raises:
        UnreadableImageError: One of the files can't be decoded, or their sizes differ.
    """
    image_path, mask_path = _paths(record)
    image_data, mask_data = read_bytes(image_path), read_bytes(mask_path)
    image = decode_image(image_data, image_path)
    mask = decode_mask(decode_mask_pixels(mask_data, mask_path), classes)
    height, width = image.shape[:2]
    if mask.labels.shape != (height, width):
        mask_height, mask_width = mask.labels.shape
        raise UnreadableImageError(
            f"{mask_path}: {mask_width} x {mask_height} pixels, but its image has {width} x {height}"
        )
    return Inspected(
        height=height,
        width=width,
        counts=tuple(count_classes(mask.labels, len(classes.names)).tolist()),
        unknown_pixels=mask.unknown_pixels,
        unknown_values=mask.unknown_values,
        image_digest=hashlib.sha256(image_data).hexdigest(),
        mask_digest=hashlib.sha256(mask_data).hexdigest(),
    )


def inspect_records(
    records: RecordTable, classes: ClassMapping, progress: Progress | None = None
) -> Iterator[Inspected | str]:
    """Inspect labelled images on several threads.

    Args:
        records: The images to inspect, all labelled.
        classes: The classes of the masks.
        progress: Told after each image.

    Yields:
        For each record, in order, what was found or the one line that says what is wrong with it.
    """

    def inspect(record: ImageRecord) -> Inspected | str:
        try:
            return inspect_record(record, classes)
        except UnreadableImageError as error:
            return str(error)

    for done, found in enumerate(decoded_in_order(inspect, records), start=1):
        yield found
        if progress is not None:
            progress(done, len(records))


def count_classes(labels: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    """Pixels of each class, (C,), of a mask in class indices, (H, W)."""
    return np.bincount(labels.ravel(), minlength=IGNORE_INDEX + 1)[:classes].astype(np.int64)


def _paths(record: ImageRecord) -> tuple[Path, Path]:
    if record.image_path is None or record.mask_path is None:
        raise ValueError(f"{record.name} has no mask file to inspect")
    return record.image_path, record.mask_path
