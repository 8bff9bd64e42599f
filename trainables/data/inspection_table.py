"""What was found in all labelled images of a data set, in columns; and the fingerprint that follows from it."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainables.data.dataset import ClassMapping
from trainables.data.inspection import Inspected
from trainables.data.records import RecordTable
from trainables.data.text_column import TextColumn

DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True, eq=False)
class InspectionTable(Mapping[str, Inspected]):
    """By record name, what was found in N labelled images with masks of C classes.

    Attributes:
        names: Names of the records, ascending, (N,).
        sizes: Height and width, px, (N, 2) int32.
        counts: Pixels of each class, (N, C) int64.
        unknown_pixels: Pixels of the mask whose colour or index is that of no class, (N,) int64.
        digests: SHA-256 of image file and mask file, (N, 2, 32) uint8.
        unknown_values: The most frequent unknown colours or indices as (text, pixels), by name, of the images
            that hold any.
    """

    names: TextColumn
    sizes: NDArray[np.int32]
    counts: NDArray[np.int64]
    unknown_pixels: NDArray[np.int64]
    digests: NDArray[np.uint8]
    unknown_values: Mapping[str, tuple[tuple[str, int], ...]]

    @classmethod
    def from_found(cls, names: Sequence[str], found: Sequence[Inspected], classes: int) -> "InspectionTable":
        """The table of single inspections.

        Args:
            names: Names of the records, ascending.
            found: What was found in each.
            classes: How many classes there are.
        """
        digests = b"".join(bytes.fromhex(one.image_digest + one.mask_digest) for one in found)
        return cls(
            names=TextColumn.from_texts(names),
            sizes=np.array([(one.height, one.width) for one in found], dtype=np.int32).reshape(-1, 2),
            counts=np.array([one.counts for one in found], dtype=np.int64).reshape(-1, classes),
            unknown_pixels=np.array([one.unknown_pixels for one in found], dtype=np.int64),
            digests=np.frombuffer(digests, dtype=np.uint8).reshape(-1, 2, DIGEST_BYTES),
            unknown_values={
                name: one.unknown_values for name, one in zip(names, found, strict=True) if one.unknown_values
            },
        )

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names.to_list())

    def __getitem__(self, name: str) -> Inspected:
        row = self.names.place_of(name)
        if row is None:
            raise KeyError(name)
        height, width = self.sizes[row].tolist()
        return Inspected(
            height=height,
            width=width,
            counts=tuple(self.counts[row].tolist()),
            unknown_pixels=int(self.unknown_pixels[row]),
            unknown_values=self.unknown_values.get(name, ()),
            image_digest=self.digests[row, 0].tobytes().hex(),
            mask_digest=self.digests[row, 1].tobytes().hex(),
        )

    def take(self, rows: NDArray[np.integer]) -> "InspectionTable":
        """Some rows, ascending."""
        names = self.names.take(rows)
        chosen = set(names.to_list()) if self.unknown_values else set()
        return InspectionTable(
            names=names,
            sizes=self.sizes[rows],
            counts=self.counts[rows],
            unknown_pixels=self.unknown_pixels[rows],
            digests=self.digests[rows],
            unknown_values={name: values for name, values in self.unknown_values.items() if name in chosen},
        )


def merged(first: InspectionTable, second: InspectionTable) -> tuple[InspectionTable, NDArray[np.intp]]:
    """The rows of two tables that share no name, ascending by name.

    Returns:
        The table, and from which row each of its rows comes, the second table's counted on from the first's, (N,).
    """
    names = first.names.to_list() + second.names.to_list()
    order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.intp)
    table = InspectionTable(
        names=TextColumn.from_texts(names[row] for row in order),
        sizes=np.concatenate([first.sizes, second.sizes])[order],
        counts=np.concatenate([first.counts, second.counts])[order],
        unknown_pixels=np.concatenate([first.unknown_pixels, second.unknown_pixels])[order],
        digests=np.concatenate([first.digests, second.digests])[order],
        unknown_values={**first.unknown_values, **second.unknown_values},
    )
    return table, order


def data_fingerprint(classes: ClassMapping, records: RecordTable, inspected: InspectionTable) -> str:
    """SHA-256 of what the data are, hexadecimal.

    It covers the classes with their colours and values, the name of every image, which of them are labelled, and the
    content of the labelled files. It leaves out paths, times and the content of unlabelled images, which
    would all have to be read: copies of the data on two machines have one fingerprint, a changed mask makes
    another.

    Args:
        classes: The classes.
        records: All images.
        inspected: What was found in those of them that are labelled, all of these.
    """
    digest = hashlib.sha256(b"segpareto folder data 1\n")
    for name, colour in zip(classes.names, classes.colours, strict=True):
        digest.update(f"{name}\t{colour}\n".encode())
    if classes.values or classes.ignored_values or classes.ignored_colours:
        meaning = (classes.values, classes.ignored_values, classes.ignored_colours)
        digest.update(f"{meaning}\n".encode())
    # A line per record, made of runs of names: where a labelled image's name ends its digests follow.
    lines = np.where(records.names.data == 0, np.uint8(ord("\n")), records.names.data)
    ends = records.names.ends[records.labelled_positions()].tolist()
    begin = 0
    for end, (image, mask) in zip(ends, inspected.digests, strict=True):
        digest.update(lines[begin:end].data)
        digest.update(f"\t{image.tobytes().hex()}\t{mask.tobytes().hex()}".encode())
        begin = end
    digest.update(lines[begin:].data)
    return digest.hexdigest()
