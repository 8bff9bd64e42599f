"""Opening the data of a search, in whatever process needs it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spaces.errors import InputError
from trainables.data.dataset import Dataset

if TYPE_CHECKING:
    from trainables.data.records import RecordTable
    from trainables.data.split import Split


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSource:
    """Where a search's images come from.

    Attributes:
        root: The user's data folder, or None for the built-in procedural data.
        class_mapping: CSV of class names and colours; the folder's own where None.
        labeled_list: Text file of labelled photos; the folder's own, if it has one, where None.
        seed: Seed of the built-in data.
    """

    root: str | None = None
    class_mapping: str | None = None
    labeled_list: str | None = None
    seed: int = 0

    def open(self) -> Dataset:
        """Open the data.

        Raises:
            spaces.errors.InputError: If the folder, the mapping, the list or a labelled file is wrong.
        """
        if self.root is None:
            from trainables.data.procedural import ProceduralDataset

            return ProceduralDataset(seed=self.seed)
        from trainables.data.folder import FolderDataset

        return FolderDataset.open(
            Path(self.root),
            class_mapping=Path(self.class_mapping) if self.class_mapping else None,
            labelled_list=Path(self.labeled_list) if self.labeled_list else None,
        )


def split_hash(records: "RecordTable", split: "Split") -> str:
    """Short hexadecimal hash that tells two splits apart: of the names in each part.

    Args:
        records: The images of the data set that was split.
        split: Its split.
    """
    digest = hashlib.sha256(f"{split.by}\n".encode())
    for part in ("train", "validation", "test", "unlabelled"):
        positions = getattr(split, part)
        digest.update(f"{part} {len(positions)}\n".encode())
        digest.update(records.names.take(positions).data.data)
    return digest.hexdigest()[:16]


def open_split(
    source: DataSource, *, by: str, seed: int, fingerprint: str, expected_hash: str
) -> "tuple[Dataset, Split]":
    """Open the data of a search that has begun and split them as it did.

    Raises:
        InputError: If the data are not those that the search began with, or can't be opened.
    """
    from trainables.data.split import split_dataset

    dataset = source.open()
    if dataset.fingerprint != fingerprint:
        raise InputError(f"{dataset.description}: not the data that the search began with; restore or copy them again")
    if by not in {"photo", "capture"}:
        raise InputError(f"split by {by!r}: must be photo or capture")
    split = split_dataset(dataset, by="photo" if by == "photo" else "capture", seed=seed)
    if split_hash(dataset.records, split) != expected_hash:
        raise InputError(f"{dataset.description}: splits otherwise than when the search began; use the same version")
    return dataset, split
