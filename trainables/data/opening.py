"""Opening the data of a search, in whatever process needs it."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spaces.data_description import DataDescription
from spaces.data_file import is_data_file, read_data_file
from spaces.errors import InputError
from trainables.data.dataset import Dataset
from trainables.shared_files import check_without_keys, is_uri

if TYPE_CHECKING:
    from trainables.data.inspection import Progress
    from trainables.data.layout_mistakes import LayoutError
    from trainables.data.records import RecordTable
    from trainables.data.split import Split


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSource:
    """Where a search's images come from.

    Attributes:
        root: The user's data folder, a URI that each node makes its own copy of (`trainables.data.node_copy`), or None
            for the built-in procedural data.
        class_mapping: CSV of class names and colours; the folder's own where None.
        labeled_list: Text file of labelled photos; the folder's own, if it has one, where None.
        described: How the folder is read, as `DataDescription.as_text` has it; as usual where None.
        seed: Seed of the built-in data.
        file: The file that described the folder, if one did and is at hand; for messages alone.
    """

    root: str | None = None
    class_mapping: str | None = None
    labeled_list: str | None = None
    described: str | None = None
    seed: int = 0
    file: str | None = field(default=None, compare=False)

    @classmethod
    def named(cls, where: str, *, class_mapping: str | None = None, labeled_list: str | None = None) -> "DataSource":
        """The source that `--data` names, with absolute paths.

        Args:
            where: A data folder, a URI, or a YAML file that says where one of these is and how it is read.
            class_mapping: CSV in the place of the folder's or the file's classes.
            labeled_list: List in the place of theirs.

        Raises:
            InputError: The file is wrong, with its line; or a URI holds keys.
        """
        file = read_data_file(Path(where)) if not is_uri(where) and is_data_file(Path(where)) else None
        root = where if file is None else file.root
        if is_uri(root):
            check_without_keys("--data", root)
        else:
            root = str(Path(root).resolve())
        mapping, listed = (str(Path(given).resolve()) if given else None for given in (class_mapping, labeled_list))
        if file is None:
            return cls(root=root, class_mapping=mapping, labeled_list=listed)
        return cls(
            root=root,
            class_mapping=mapping or file.class_mapping,
            labeled_list=listed or file.labeled_list,
            described=file.description.as_text(),
            file=str(Path(where).resolve()),
        )

    def place_of(self, key: str | None) -> str | None:
        """File and line where the data file says something, for messages; None where there is none."""
        return read_data_file(Path(self.file)).place_of(key) if self.file and key else None

    def placed(self, error: "LayoutError") -> InputError:
        """The same complaint, with the line that is to be corrected."""
        place = self.place_of(error.key)
        return InputError(f"{place}: {error}") if place else error

    def open(self, progress: "Progress | None" = None) -> Dataset:
        """Open the data.

        Args:
            progress: Told after each labelled image that is read now, for the first time.

        Raises:
            spaces.errors.InputError: If the folder, the mapping, the list or a labelled file is wrong, or data behind
                a URI can't be copied.
            trainables.full_disk.FullDiskError: If there is no room for a copy.
        """
        if self.root is None:
            from trainables.data.procedural import ProceduralDataset

            return ProceduralDataset(seed=self.seed)
        from trainables.data.folder import FolderDataset
        from trainables.data.layout_mistakes import LayoutError

        try:
            return FolderDataset.open(**self.folder_arguments(), progress=progress)
        except LayoutError as error:
            raise self.placed(error) from error

    def folder_arguments(self) -> dict[str, Any]:
        """What `trainables.data.folder.survey_folder` takes; of data behind a URI, this node's copy of them.

        Raises:
            ValueError: These are the built-in data.
            spaces.errors.InputError: Data behind a URI can't be copied.
            trainables.full_disk.FullDiskError: There is no room for a copy.
        """
        if self.root is None:
            raise ValueError("the built-in data lie in no folder")
        root = Path(self.root)
        if is_uri(self.root):
            from trainables.data.node_copy import node_copy

            root = node_copy(self.root)
        return {
            "root": root,
            "class_mapping": Path(self.class_mapping) if self.class_mapping else None,
            "labelled_list": Path(self.labeled_list) if self.labeled_list else None,
            "description": DataDescription.from_text(self.described),
        }


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
