"""A data set read from a folder of photos or patches."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spaces.data_description import DataDescription
from trainables.data.cache_files import default_cache_folder
from trainables.data.capture_listing import Problem
from trainables.data.class_mapping import CLASS_MAPPING_FILE, described_classes, read_class_mapping
from trainables.data.dataset import ClassMapping, Dataset, ImageRecord, UnreadableImageError
from trainables.data.folder_index import PLAIN
from trainables.data.folder_problems import UNKNOWN_COLOURS, content_problems, unlabelled_problems
from trainables.data.image_files import decode_image, decode_mask_pixels, read_bytes
from trainables.data.index_cache import remembered_index
from trainables.data.inspection import Inspected, Progress, inspect_records
from trainables.data.inspection_cache import (
    RememberedInspections,
    file_stamps,
    inspection_cache_file,
    read_inspections,
    write_inspections,
)
from trainables.data.inspection_table import InspectionTable, data_fingerprint
from trainables.data.labelled_list import LABELLED_LIST_FILE, apply_labelled_list, read_labelled_list
from trainables.data.layout_mistakes import KEY_OF_KIND, LayoutError
from trainables.data.mask_decoding import decode_mask
from trainables.data.records import RecordTable


@dataclass(frozen=True, slots=True)
class FolderSurvey:
    """All that is known of a data folder, its faults included.

    Attributes:
        root: The data folder.
        classes: Its classes.
        records: Its images; those labelled and sound with their sizes.
        inspected: What was found in each sound labelled image.
        problems: What is wrong, errors and warnings.
    """

    root: Path
    classes: ClassMapping
    records: RecordTable
    inspected: InspectionTable
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that keep the folder from being used."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


def survey_folder(
    root: Path,
    *,
    class_mapping: Path | None = None,
    labelled_list: Path | None = None,
    description: DataDescription = PLAIN,
    cache_dir: Path | None = None,
    list_anew: bool = False,
    progress: Progress | None = None,
) -> FolderSurvey:
    """Index a data folder and inspect its labelled files, as far as neither is known from earlier.

    Args:
        root: The data folder.
        class_mapping: The CSV of the classes; by default they are the description's, else `class_mapping.csv` in the
            folder.
        labelled_list: The list of labelled source photos; `labeled_files.txt` in the folder if there is one.
        description: How the folder is read; by default as `trainables.data.folder_index` says.
        cache_dir: Where index and inspections are remembered; the user's cache folder by default.
        list_anew: List the folder's files even where a remembered index seems to hold.
        progress: Told after each image that is inspected now.

    Raises:
        InputError: The folder, the class mapping or the list can't be used at all.
    """
    cache_dir = cache_dir or default_cache_folder()
    index = remembered_index(root, cache_dir, description=description, list_anew=list_anew)
    if class_mapping is None and description.classes:
        classes = described_classes(description)
    else:
        classes = read_class_mapping(class_mapping or root / CLASS_MAPPING_FILE)
    records = index.records
    list_path = labelled_list or root / LABELLED_LIST_FILE
    if labelled_list is not None or list_path.is_file():
        records = apply_labelled_list(records, read_labelled_list(list_path), list_path)
    problems = list(index.problems)
    labelled = records.labelled_positions()
    cache_path = inspection_cache_file(cache_dir, root, classes, description)
    inspected, sound = _inspect(records.take(labelled), classes, cache_path, problems, progress)
    problems += unlabelled_problems(records) + content_problems(classes, inspected)
    sizes = np.zeros((2, len(records)), dtype=np.int32)
    sizes[:, labelled[sound]] = inspected.sizes.T
    records = replace(records, heights=sizes[0], widths=sizes[1])
    return FolderSurvey(root, classes, records, inspected, tuple(_relative(problem, root) for problem in problems))


class FolderDataset:
    """A data folder as a `Dataset`.

    Attributes:
        root: The data folder.
        classes: Its classes.
        records: Its images. Sizes of unlabelled images are unknown (0).
        fingerprint: See `trainables.data.inspection_table.data_fingerprint`.
        description: One line for people.
        warnings: What its owner should know; nothing that keeps it from being used.
        inspected: What was found in each labelled image.
    """

    def __init__(self, survey: FolderSurvey) -> None:
        self.root: Path = survey.root
        self.classes: ClassMapping = survey.classes
        self.records: RecordTable = survey.records
        self.fingerprint: str = data_fingerprint(survey.classes, survey.records, survey.inspected)
        self.description: str = describe(survey)
        self.warnings: tuple[Problem, ...] = survey.problems
        self.inspected: InspectionTable = survey.inspected
        self._row_of = np.cumsum(survey.records.labelled, dtype=np.int32) - 1

    @classmethod
    def open(
        cls,
        root: Path,
        *,
        class_mapping: Path | None = None,
        labelled_list: Path | None = None,
        description: DataDescription = PLAIN,
        cache_dir: Path | None = None,
        progress: Progress | None = None,
    ) -> "FolderDataset":
        """Open a data folder; the arguments are those of `survey_folder`.

        Raises:
            InputError: The folder can't be used: its layout, its class mapping or its list is wrong, or a
                labelled file is broken. It is a `LayoutError` where a description's patterns don't fit the folder.
        """
        survey = survey_folder(
            root,
            class_mapping=class_mapping,
            labelled_list=labelled_list,
            description=description,
            cache_dir=cache_dir,
            progress=progress,
        )
        if errors := survey.errors:
            place = root if description == PLAIN else "on the data's YAML file"
            others = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
            raise LayoutError(
                f"{root}: {errors[0].message}{others}; python -m trainables.data check {place} lists all of it",
                KEY_OF_KIND.get(errors[0].kind),
            )
        return cls(survey)

    def read_image(self, record: ImageRecord) -> NDArray[np.uint8]:
        """Read an image: (H, W, 3) uint8, RGB.

        Raises:
            UnreadableImageError: The file can't be decoded, or its size is not the one that was inspected.
        """
        if record.image_path is None:
            raise UnreadableImageError(f"{record.name}: has no image file")
        image = decode_image(read_bytes(record.image_path), record.image_path)
        _check_size(record, record.image_path, image.shape[0], image.shape[1])
        return image

    def read_mask(self, record: ImageRecord) -> NDArray[np.uint8]:
        """Read a labelled image's mask: (H, W) uint8 class indices, `IGNORE_INDEX` where there is none.

        Raises:
            UnreadableImageError: There is no mask, it can't be decoded, or its size is not the one inspected.
        """
        if record.mask_path is None:
            raise UnreadableImageError(f"{record.name}: has no mask")
        pixels = decode_mask_pixels(read_bytes(record.mask_path), record.mask_path)
        labels = decode_mask(pixels, self.classes).labels
        _check_size(record, record.mask_path, labels.shape[0], labels.shape[1])
        return labels

    def class_counts(self, record: ImageRecord) -> NDArray[np.int64]:
        """Pixels of each class in a labelled image's mask, (C,).

        Raises:
            KeyError: The image has no label.
        """
        return np.array(self.inspected[record.name].counts, dtype=np.int64)

    def class_count_table(self, positions: NDArray[np.int32]) -> NDArray[np.int64]:
        """Pixels of each class in several labelled images' masks, (N, C).

        Args:
            positions: Places in `records`, (N,).

        Raises:
            KeyError: An image has no label.
        """
        unlabelled = positions[~self.records.labelled[positions]]
        if len(unlabelled):
            raise KeyError(self.records.names[int(unlabelled[0])])
        return self.inspected.counts[self._row_of[positions]]


def unknown_colours_warning(dataset: Dataset) -> str | None:
    """What share of the labelled pixels is of no class, in a line; None where all are of one, or of none on purpose."""
    if not isinstance(dataset, FolderDataset):
        return None
    found = (problem.message for problem in dataset.warnings if problem.kind == UNKNOWN_COLOURS)
    return next((f"{text}; name these in classes:, or in ignored: if that is meant" for text in found), None)


def describe(survey: FolderSurvey) -> str:
    """One line on a data folder: how many images, labelled ones, photos and captures."""
    records = survey.records
    labelled = int(records.labelled.sum())
    captures, photos = len(np.unique(records.capture_codes)), len(np.unique(records.photo_codes))
    return (
        f"{survey.root}: {len(records):,} images ({labelled:,} labelled) of {photos:,} photos "
        f"in {captures:,} {'capture' if captures == 1 else 'captures'}, {len(survey.classes.names)} classes"
    )


def _inspect(
    labelled: RecordTable,
    classes: ClassMapping,
    cache_path: Path,
    problems: list[Problem],
    progress: Progress | None,
) -> tuple[InspectionTable, NDArray[np.bool_]]:
    """What was found in the sound images, and which of all are sound, (N,)."""
    names = labelled.names.to_list()
    stamps, missing = file_stamps(labelled)
    problems += [Problem("error", "unreadable labelled file", text) for text in missing.values()]
    known = read_inspections(cache_path, classes)
    rows = known.rows_of(names, stamps)
    rows[list(missing)] = -1
    fresh = np.array([row for row in np.flatnonzero(rows < 0).tolist() if row not in missing], dtype=np.int32)
    if len(fresh):
        fresh_stamps = (labelled.take(fresh), stamps[fresh])
        known, unreadable = _inspect_fresh(fresh_stamps, known, classes, cache_path, progress)
        problems += unreadable
        rows = known.rows_of(names, stamps)
        rows[list(missing)] = -1
    sound = rows >= 0
    return known.table.take(rows[sound]), sound


def _inspect_fresh(
    fresh: tuple[RecordTable, NDArray[np.int64]],
    known: RememberedInspections,
    classes: ClassMapping,
    cache_path: Path,
    progress: Progress | None,
) -> tuple[RememberedInspections, list[Problem]]:
    """Inspect records of known stamps, and remember what was found with what is known."""
    records, stamps = fresh
    found: dict[int, Inspected] = {}
    problems = []
    try:
        for row, result in enumerate(inspect_records(records, classes, progress)):
            if isinstance(result, str):
                problems.append(Problem("error", "unreadable labelled file", result))
            else:
                found[row] = result
    finally:
        # Also when interrupted: what was inspected need not be inspected again.
        if found:
            rows = np.array(list(found), dtype=np.int32)
            known = known.updated(records.names.take(rows).to_list(), list(found.values()), stamps[rows])
            write_inspections(cache_path, known)
    return known, problems


def _check_size(record: ImageRecord, path: Path, height: int, width: int) -> None:
    if record.height and (record.height, record.width) != (height, width):
        before = f"{record.width} x {record.height}"
        raise UnreadableImageError(f"{path}: {width} x {height} pixels; it had {before} when it was inspected")


def _relative(problem: Problem, root: Path) -> Problem:
    return replace(problem, message=problem.message.removeprefix(f"{root}{os.sep}"))
