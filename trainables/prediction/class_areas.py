"""How much of each photo each class covers, as CSV."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainables.checkpoint import PARTIAL

COLUMNS = ("photo", "class_index", "class_name", "pixels", "share", "square_metres")


@dataclass(frozen=True, slots=True)
class ClassAreas:
    """What a photo's mask holds.

    Attributes:
        photo: Name of the photo.
        pixels: Pixels of each class, by index; those without data are in none.
        square_metres_per_pixel: Where the photo tells it, else None.
    """

    photo: str
    pixels: tuple[int, ...]
    square_metres_per_pixel: float | None


def write_class_areas(path: Path, areas: Iterable[ClassAreas], class_names: Sequence[str]) -> None:
    """Write one line per photo and class, in one piece: a reader sees the old file or the new one.

    `share` is of the photo's pixels with data; `square_metres` is empty where the photo does not tell it.
    """
    partial = path.with_name(path.name + PARTIAL)
    try:
        with partial.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(COLUMNS)
            for one in areas:
                total = max(1, sum(one.pixels))
                for index, (name, pixels) in enumerate(zip(class_names, one.pixels, strict=True)):
                    square = one.square_metres_per_pixel
                    metres = "" if square is None else f"{pixels * square:.2f}"
                    writer.writerow((one.photo, index, name, pixels, f"{pixels / total:.6f}", metres))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
