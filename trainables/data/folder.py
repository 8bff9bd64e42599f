"""A data set read from a folder of photos or patches."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spaces.errors import InputError
from trainables.data.class_mapping import CLASS_MAPPING_FILE, read_class_mapping
from trainables.data.dataset import ClassMapping, ImageRecord, UnreadableImageError
from trainables.data.folder_index import Problem, index_folder
from trainables.data.image_files import decode_image, decode_mask_pixels, read_bytes
from trainables.data.inspection import Inspected, Progress, data_fingerprint, inspect_records, stamp
from trainables.data.inspection_cache import cache_file, default_cache_folder, read_cache, write_cache
from trainables.data.labelled_list import LABELLED_LIST_FILE, apply_labelled_list, read_labelled_list
from trainables.data.mask_decoding import decode_mask


@dataclass(frozen=True, slots=True)
class FolderSurvey:
    """All that is known of a data folder, its faults included.

    Attributes:
        root: The data folder.
        classes: Its classes.
        records: Its images, ordered by name; those labelled and sound with their sizes.
        inspected: What was found in each sound labelled image, by name.
        problems: What is wrong, errors and warnings.
    """

    root: Path
    classes: ClassMapping
    records: tuple[ImageRecord, ...]
    inspected: Mapping[str, Inspected]
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
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> FolderSurvey:
    """Index a data folder and inspect its labelled files, those not yet known from an earlier inspection.

    Args:
        root: The data folder, laid out as `trainables.data.folder_index` says.
        class_mapping: The CSV of the classes; `class_mapping.csv` in the folder by default.
        labelled_list: The list of labelled source photos; `labeled_files.txt` in the folder if there is one.
        cache_dir: Where inspections are remembered; the user's cache folder by default.
        progress: Told after each image that is inspected now.

    Raises:
        InputError: The folder, the class mapping or the list can't be used at all.
    """
    index = index_folder(root)
    classes = read_class_mapping(class_mapping or root / CLASS_MAPPING_FILE)
    records = index.records
    list_path = labelled_list or root / LABELLED_LIST_FILE
    if labelled_list is not None or list_path.is_file():
        records = apply_labelled_list(records, read_labelled_list(list_path), list_path)
    problems = list(index.problems)
    labelled = [record for record in records if record.labelled]
    cache_path = cache_file(cache_dir or default_cache_folder(), root, classes)
    inspected = _inspect(labelled, classes, cache_path, problems, progress)
    problems += _unlabelled_problems(records) + _content_problems(classes, inspected)
    complete = tuple(_with_size(record, inspected.get(record.name)) for record in records)
    return FolderSurvey(root, classes, complete, inspected, tuple(_relative(problem, root) for problem in problems))


class FolderDataset:
    """A data folder as a `Dataset`.

    Attributes:
        root: The data folder.
        classes: Its classes.
        records: Its images, ordered by name. Sizes of unlabelled images are unknown (0).
        fingerprint: See `trainables.data.inspection.data_fingerprint`.
        description: One line for people.
        warnings: What its owner should know; nothing that keeps it from being used.
    """

    def __init__(self, survey: FolderSurvey) -> None:
        self.root: Path = survey.root
        self.classes: ClassMapping = survey.classes
        self.records: tuple[ImageRecord, ...] = survey.records
        self.fingerprint: str = data_fingerprint(survey.classes, survey.records, survey.inspected)
        self.description: str = describe(survey)
        self.warnings: tuple[Problem, ...] = survey.problems
        self.inspected: Mapping[str, Inspected] = survey.inspected

    @classmethod
    def open(
        cls,
        root: Path,
        *,
        class_mapping: Path | None = None,
        labelled_list: Path | None = None,
        cache_dir: Path | None = None,
        progress: Progress | None = None,
    ) -> "FolderDataset":
        """Open a data folder; the arguments are those of `survey_folder`.

        Raises:
            InputError: The folder can't be used: its layout, its class mapping or its list is wrong, or a
                labelled file is broken.
        """
        survey = survey_folder(
            root,
            class_mapping=class_mapping,
            labelled_list=labelled_list,
            cache_dir=cache_dir,
            progress=progress,
        )
        if errors := survey.errors:
            others = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
            raise InputError(
                f"{root}: {errors[0].message}{others}; python -m trainables.data check {root} lists all of it"
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


def describe(survey: FolderSurvey) -> str:
    """One line on a data folder: how many images, labelled ones, photos and captures."""
    labelled = sum(record.labelled for record in survey.records)
    captures = len({record.capture for record in survey.records})
    photos = len({record.photo for record in survey.records})
    return (
        f"{survey.root}: {len(survey.records):,} images ({labelled:,} labelled) of {photos:,} photos "
        f"in {captures:,} {'capture' if captures == 1 else 'captures'}, {len(survey.classes.names)} classes"
    )


def _inspect(
    labelled: list[ImageRecord],
    classes: ClassMapping,
    cache_path: Path,
    problems: list[Problem],
    progress: Progress | None,
) -> dict[str, Inspected]:
    known = read_cache(cache_path, classes)
    stamps = {}
    for record in labelled:
        try:
            stamps[record.name] = stamp(record)
        except UnreadableImageError as error:
            problems.append(Problem("error", "unreadable labelled file", str(error)))
    remembered = {
        name: known[name][1] for name, current in stamps.items() if name in known and known[name][0] == current
    }
    fresh = [record for record in labelled if record.name in stamps and record.name not in remembered]
    found = dict(remembered)
    try:
        for record, result in inspect_records(fresh, classes, progress):
            if isinstance(result, str):
                problems.append(Problem("error", "unreadable labelled file", result))
            else:
                found[record.name] = result
    finally:
        # Also when interrupted: what was inspected need not be inspected again.
        if len(found) > len(remembered):
            write_cache(cache_path, known | {name: (stamps[name], result) for name, result in found.items()})
    return found


def _unlabelled_problems(records: tuple[ImageRecord, ...]) -> list[Problem]:
    images, without = Counter[str](), Counter[str]()
    first: dict[str, str] = {}
    for record in records:
        images[record.capture] += 1
        if not record.labelled:
            without[record.capture] += 1
            first.setdefault(record.capture, record.name)
    # A capture without any mask is unlabelled as a whole, on purpose; one with some may have lost others.
    return [
        Problem(
            "warning",
            "images without mask",
            f"{capture}: {count:,} of {images[capture]:,} images have no mask, or are not listed, and count "
            f"as unlabelled; the first: {first[capture]}",
        )
        for capture, count in without.items()
        if count < images[capture]
    ]


def _content_problems(classes: ClassMapping, inspected: Mapping[str, Inspected]) -> list[Problem]:
    problems = []
    for name, found in inspected.items():
        if found.unknown_pixels:
            share = found.unknown_pixels / (found.height * found.width)
            values = ", ".join(f"{text} ({count:,} px)" for text, count in found.unknown_values)
            text = f"{name}: {share:.2%} of the mask is of no class and ignored: {values}"
            problems.append(Problem("warning", "unknown colours", text))
    totals = np.array([found.counts for found in inspected.values()], dtype=np.int64).sum(axis=0)
    if inspected and not totals.any():
        strangers: Counter[str] = Counter()
        for found in inspected.values():
            strangers.update(dict(found.unknown_values))
        most = ", ".join(text for text, _ in strangers.most_common(3)) or "nothing but 255"
        text = f"no mask holds a colour or index of {', '.join(classes.names[:3])}...; they hold {most}"
        problems.append(Problem("error", "no known colour", text))
    elif inspected:
        for name, total in zip(classes.names, totals.tolist(), strict=True):
            if not total:
                problems.append(Problem("warning", "class without pixels", f"{name}: no mask holds this class"))
    return problems


def _with_size(record: ImageRecord, found: Inspected | None) -> ImageRecord:
    return record if found is None else replace(record, height=found.height, width=found.width)


def _check_size(record: ImageRecord, path: Path, height: int, width: int) -> None:
    if record.height and (record.height, record.width) != (height, width):
        before = f"{record.width} x {record.height}"
        raise UnreadableImageError(f"{path}: {width} x {height} pixels; it had {before} when it was inspected")


def _relative(problem: Problem, root: Path) -> Problem:
    return replace(problem, message=problem.message.removeprefix(f"{root}{os.sep}"))
