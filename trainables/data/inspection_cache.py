"""Remembering inspections between runs, in one file per data folder, layout and class mapping.

A remembered inspection counts as long as size and time of both files are what they were, so that a changed
mask is inspected again, alone. Images that are not labelled this time, because of another list of labelled
photos, stay remembered.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spaces.data_description import DataDescription
from trainables.data.cache_files import Arrays, array_text, cache_file, read_arrays, text_array, write_arrays
from trainables.data.dataset import ClassMapping
from trainables.data.inspection import Inspected
from trainables.data.inspection_table import DIGEST_BYTES, InspectionTable, merged
from trainables.data.records import RecordTable
from trainables.data.text_column import TextColumn

INSPECTION_VERSION = 3
"""Raised whenever masks are decoded differently, so that what an older version found is not believed."""


@dataclass(frozen=True, slots=True)
class RememberedInspections:
    """What is known of labelled files.

    Attributes:
        table: What was found in N images.
        stamps: Size in bytes and time in ns of image and mask when they were inspected, (N, 4) int64.
    """

    table: InspectionTable
    stamps: NDArray[np.int64]

    @classmethod
    def none(cls, classes: int) -> "RememberedInspections":
        """Nothing is known."""
        return cls(InspectionTable.from_found([], [], classes), np.zeros((0, 4), dtype=np.int64))

    def rows_of(self, names: list[str], stamps: NDArray[np.int64]) -> NDArray[np.intp]:
        """Where images are found whose files are what they were; -1 for the others, (N,)."""
        row_of = {name: row for row, name in enumerate(self.table.names.to_list())}
        rows = np.array([row_of.get(name, -1) for name in names], dtype=np.intp)
        known = np.flatnonzero(rows >= 0)
        changed = (self.stamps[rows[known]] != stamps[known]).any(axis=1)
        rows[known[changed]] = -1
        return rows

    def updated(self, names: list[str], found: list[Inspected], stamps: NDArray[np.int64]) -> "RememberedInspections":
        """With new inspections, which take the place of older ones; names ascend."""
        new = set(names)
        kept = np.array([row for row, name in enumerate(self.table.names.to_list()) if name not in new], dtype=np.intp)
        added = InspectionTable.from_found(names, found, self.table.counts.shape[1])
        table, order = merged(self.table.take(kept), added)
        return RememberedInspections(table, np.concatenate([self.stamps[kept], stamps])[order])


def inspection_cache_file(cache_dir: Path, root: Path, classes: ClassMapping, description: DataDescription) -> Path:
    """The file that remembers the inspections of one data folder, its files found and its masks read in one way."""
    # Which files a name stands for: others may have the same sizes and times.
    layout = (description.images, description.masks)
    meaning = (classes.names, classes.colours, classes.values, classes.ignored_values, classes.ignored_colours)
    return cache_file(cache_dir, "inspection", root, INSPECTION_VERSION, *layout, *meaning)


def read_inspections(path: Path, classes: ClassMapping) -> RememberedInspections:
    """Read what was remembered; nothing if there is no usable file."""
    arrays = read_arrays(path)
    nothing = RememberedInspections.none(len(classes.names))
    if arrays is None:
        return nothing
    try:
        unknown = json.loads(array_text(arrays["unknown_values"]))
        table = InspectionTable(
            names=TextColumn.from_bytes(arrays["names"]),
            sizes=arrays["sizes"],
            counts=arrays["counts"],
            unknown_pixels=arrays["unknown_pixels"],
            digests=arrays["digests"],
            unknown_values={name: tuple((text, count) for text, count in values) for name, values in unknown.items()},
        )
        stamps = arrays["stamps"]
        count = len(table.names)
        shapes = (table.sizes.shape, table.counts.shape, table.unknown_pixels.shape, table.digests.shape, stamps.shape)
        if shapes != ((count, 2), (count, len(classes.names)), (count,), (count, 2, DIGEST_BYTES), (count, 4)):
            return nothing
    except (ValueError, TypeError, KeyError, AttributeError):
        return nothing
    return RememberedInspections(table, stamps)


def write_inspections(path: Path, remembered: RememberedInspections) -> None:
    """Replace what is remembered, in one step; without effect where nothing can be written."""
    table = remembered.table
    arrays: Arrays = {
        "names": table.names.data,
        "sizes": table.sizes,
        "counts": table.counts,
        "unknown_pixels": table.unknown_pixels,
        "digests": table.digests,
        "unknown_values": text_array(json.dumps(dict(table.unknown_values))),
        "stamps": remembered.stamps,
    }
    write_arrays(path, arrays)


def file_stamps(records: RecordTable) -> tuple[NDArray[np.int64], dict[int, str]]:
    """By what labelled files are taken to be unchanged: size in bytes and time in ns of image and mask.

    Args:
        records: Labelled images, N of them.

    Returns:
        The stamps, (N, 4), and for records of which a file can't be found one line that says so, by position.
    """
    stamps = np.zeros((len(records), 4), dtype=np.int64)
    missing: dict[int, str] = {}
    starts = [os.path.join(place.folder, place.prefix) for place in records.places]  # noqa: PTH118 (Path is 10 times slower)
    suffixes = [place.suffix for place in records.places]
    codes = zip(records.image_codes.tolist(), records.mask_codes.tolist(), strict=True)
    for row, (name, (image, mask)) in enumerate(zip(records.names.to_list(), codes, strict=True)):
        stem = name.rpartition("/")[2]
        try:
            of_image = os.stat(starts[image] + stem + suffixes[image])  # noqa: PTH116
            of_mask = os.stat(starts[mask] + stem + suffixes[mask])  # noqa: PTH116
        except OSError as error:
            missing[row] = f"{error.filename}: {error.strerror}"
            continue
        stamps[row] = (of_image.st_size, of_image.st_mtime_ns, of_mask.st_size, of_mask.st_mtime_ns)
    return stamps, missing
