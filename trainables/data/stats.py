"""`python -m trainables.data stats`: the share of each class, in all and by capture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainables.data.dataset import Dataset
from trainables.data.text_table import text_table


@dataclass(frozen=True, slots=True)
class ClassShares:
    """Class shares of a data set's labelled pixels.

    Attributes:
        classes: Class names, (C,).
        captures: Captures that have labelled images, (G,).
        counts: Pixels of each class in each capture, (G, C).
        pixels: Labelled images' pixels by capture, those of no class included, (G,).
        images: Labelled images by capture, (G,).
    """

    classes: tuple[str, ...]
    captures: tuple[str, ...]
    counts: NDArray[np.int64]
    pixels: NDArray[np.int64]
    images: NDArray[np.int64]


def class_shares(dataset: Dataset) -> ClassShares:
    """Add up the class counts of a data set by capture."""
    labelled = dataset.records.labelled_positions()
    records = dataset.records.take(labelled)
    codes, row_of = np.unique(records.capture_codes, return_inverse=True)
    captures = tuple(records.captures[code] for code in codes)
    counts = np.zeros((len(captures), len(dataset.classes.names)), dtype=np.int64)
    np.add.at(counts, row_of, dataset.class_count_table(labelled))
    pixels = np.zeros(len(captures), dtype=np.int64)
    np.add.at(pixels, row_of, records.heights.astype(np.int64) * records.widths)
    images = np.bincount(row_of, minlength=len(captures)).astype(np.int64)
    return ClassShares(dataset.classes.names, captures, counts, pixels, images)


def share_lines(shares: ClassShares) -> list[str]:
    """The shares as a table: a row for all and one per capture, a column per class.

    Class shares are of the pixels that have a class; "ignored" is the share of all pixels that have none.
    """
    rows = [_row("all", shares.counts.sum(axis=0), int(shares.pixels.sum()), int(shares.images.sum()))]
    for capture, counts, pixels, images in zip(
        shares.captures, shares.counts, shares.pixels.tolist(), shares.images.tolist(), strict=True
    ):
        rows.append(_row(capture, counts, pixels, images))
    classes = (f"{index} {name}" for index, name in enumerate(shares.classes))
    return text_table(("capture", "images", "megapixels", *classes, "ignored"), rows)


def _row(name: str, counts: NDArray[np.int64], pixels: int, images: int) -> list[str]:
    known = int(counts.sum())
    return [
        name,
        f"{images:,}",
        f"{pixels / 1e6:,.2f}",
        *(f"{count / max(known, 1):.2%}" for count in counts.tolist()),
        f"{1 - known / max(pixels, 1):.2%}",
    ]
