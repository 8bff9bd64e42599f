"""The one-time inspection of labelled files: each is decoded, checked and counted."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainables.data.dataset import IGNORE_INDEX, ClassMapping, ImageRecord, UnreadableImageError
from trainables.data.image_files import decode_image, decode_mask_pixels, read_bytes
from trainables.data.mask_decoding import decode_mask

MAX_THREADS = 8
"""Threads that decode; each holds one image and its mask, some hundred MB for a large drone photo."""

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


@dataclass(frozen=True, slots=True)
class FileStamp:
    """By which a file is taken to be unchanged since its inspection: sizes in bytes, times in ns."""

    image_size: int
    image_time: int
    mask_size: int
    mask_time: int


def stamp(record: ImageRecord) -> FileStamp:
    """Size and time of a labelled record's two files.

    Raises:
        UnreadableImageError: One of them can't be found.
    """
    image_path, mask_path = _paths(record)
    try:
        image, mask = image_path.stat(), mask_path.stat()
    except OSError as error:
        raise UnreadableImageError(f"{error.filename}: {error.strerror}") from error
    return FileStamp(image.st_size, image.st_mtime_ns, mask.st_size, mask.st_mtime_ns)


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
    records: Sequence[ImageRecord], classes: ClassMapping, progress: Progress | None = None
) -> Iterator[tuple[ImageRecord, Inspected | str]]:
    """Inspect labelled images on several threads.

    Args:
        records: The images to inspect, all labelled.
        classes: The classes of the masks.
        progress: Told after each image.

    Yields:
        Each record, in order, with what was found or with the one line that says what is wrong with it.
    """

    def inspect(record: ImageRecord) -> Inspected | str:
        try:
            return inspect_record(record, classes)
        except UnreadableImageError as error:
            return str(error)

    with decoding_threads() as threads:
        for done, (record, found) in enumerate(zip(records, threads.map(inspect, records), strict=True), start=1):
            yield record, found
            if progress is not None:
                progress(done, len(records))


@contextmanager
def decoding_threads() -> Iterator[ThreadPoolExecutor]:
    """Threads for decoding that end at once when the work is interrupted, not after all that is queued."""
    threads = ThreadPoolExecutor(max_workers=min(MAX_THREADS, os.cpu_count() or 1))
    try:
        yield threads
    finally:
        threads.shutdown(wait=True, cancel_futures=True)


def count_classes(labels: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    """Pixels of each class, (C,), of a mask in class indices, (H, W)."""
    return np.bincount(labels.ravel(), minlength=IGNORE_INDEX + 1)[:classes].astype(np.int64)


def data_fingerprint(classes: ClassMapping, records: Sequence[ImageRecord], inspected: Mapping[str, Inspected]) -> str:
    """SHA-256 of what the data are, hexadecimal.

    It covers the classes with their colours, the name of every image, which of them are labelled, and the
    content of the labelled files. It leaves out paths, times and the content of unlabelled images, which
    would all have to be read: copies of the data on two machines have one fingerprint, a changed mask makes
    another.
    """
    digest = hashlib.sha256(b"segpareto folder data 1\n")
    for name, colour in zip(classes.names, classes.colours, strict=True):
        digest.update(f"{name}\t{colour}\n".encode())
    for record in records:
        found = inspected.get(record.name)
        content = "" if found is None else f"\t{found.image_digest}\t{found.mask_digest}"
        # Names of files that are no valid Unicode come with surrogates, which only this handler encodes.
        digest.update(f"{record.name}{content}\n".encode(errors="surrogatepass"))
    return digest.hexdigest()


def _paths(record: ImageRecord) -> tuple[Path, Path]:
    if record.image_path is None or record.mask_path is None:
        raise ValueError(f"{record.name} has no mask file to inspect")
    return record.image_path, record.mask_path
