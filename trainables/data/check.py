"""`python -m trainables.data check`: what is in a data folder, and everything that is wrong with it."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spaces.data_description import DataDescription
from spaces.errors import InputError
from trainables.data.capture_listing import Problem
from trainables.data.dataset import ImageRecord, UnreadableImageError
from trainables.data.decoding_threads import decoded_in_order
from trainables.data.folder import FolderDataset, FolderSurvey, describe, survey_folder
from trainables.data.folder_index import PLAIN
from trainables.data.image_files import decode_image, read_bytes
from trainables.data.inspection import Progress
from trainables.data.layout_mistakes import KEY_OF_KIND
from trainables.data.split import PARTS, Split, SplitBy, absent_classes, few_units_warning, split_dataset
from trainables.data.text_table import text_table

PlaceOf: TypeAlias = Callable[[str], str | None]


def check_folder(
    root: Path,
    *,
    class_mapping: Path | None = None,
    labelled_list: Path | None = None,
    description: DataDescription = PLAIN,
    split_by: SplitBy = "auto",
    seed: int = 0,
    read_unlabelled: bool = True,
    progress: Progress | None = None,
    place_of: PlaceOf = lambda _: None,
) -> tuple[list[str], int]:
    """Look at every file of a data folder.

    Args:
        root: The data folder.
        class_mapping: See `trainables.data.folder.survey_folder`.
        labelled_list: Likewise.
        description: Likewise.
        split_by: How the data would be split.
        seed: Seed of the split.
        read_unlabelled: Decode unlabelled images too; without it only their names are looked at.
        progress: Told after each image that is decoded.
        place_of: File and line of a key of the data file, if there is one.

    Returns:
        The lines of the report, and the number of problems that keep the folder from being used.

    Raises:
        InputError: There is nothing to look at: no folder, no image, no class mapping, a wrong list.
    """
    survey = survey_folder(
        root,
        class_mapping=class_mapping,
        labelled_list=labelled_list,
        description=description,
        list_anew=True,
        progress=progress,
    )
    problems = list(survey.problems)
    if read_unlabelled:
        problems += _broken_unlabelled(survey, progress)
    lines = [describe(survey), *_capture_lines(survey)]
    if not survey.errors:
        try:
            dataset = FolderDataset(survey)
            split = split_dataset(dataset, by=split_by, seed=seed)
            lines += ["", *_split_lines(dataset, split)]
            problems += _split_problems(dataset, split)
        except InputError as error:
            problems.append(Problem("error", "no split possible", str(error)))
    lines += _problem_lines(problems, place_of)
    return lines, sum(problem.severity == "error" for problem in problems)


def _broken_unlabelled(survey: FolderSurvey, progress: Progress | None) -> list[Problem]:
    def fault_of(record: ImageRecord) -> str | None:
        if record.image_path is None:
            return None
        try:
            decode_image(read_bytes(record.image_path), record.image_path)
        except UnreadableImageError as error:
            return str(error).removeprefix(str(survey.root)).lstrip("/\\")
        return None

    unlabelled = survey.records.take(survey.records.unlabelled_positions())
    problems = []
    for done, fault in enumerate(decoded_in_order(fault_of, unlabelled), start=1):
        if fault is not None:
            problems.append(Problem("warning", "unreadable unlabelled image, skipped in training", fault))
        if progress is not None:
            progress(done, len(unlabelled))
    return problems


def _capture_lines(survey: FolderSurvey) -> list[str]:
    records = survey.records
    rows = []
    for code in np.unique(records.capture_codes).tolist():
        images = records.capture_codes == code
        labelled = images & records.labelled
        photos = len(np.unique(records.photo_codes[images]))
        sizes = _sizes(records.widths[labelled], records.heights[labelled])
        rows.append((records.captures[code], f"{images.sum():,}", f"{labelled.sum():,}", f"{photos:,}", sizes))
    header = ("capture", "images", "labelled", "photos", "labelled sizes (width x height, px)")
    return text_table(header, rows, left=(0, 4))


def _sizes(widths: NDArray[np.int32], heights: NDArray[np.int32]) -> str:
    known = heights > 0
    sizes = sorted(set(zip(widths[known].tolist(), heights[known].tolist(), strict=True)))
    if not sizes:
        return "-"
    if len(sizes) == 1:
        return f"{sizes[0][0]} x {sizes[0][1]}"
    (low_width, low_height), (high_width, high_height) = sizes[0], sizes[-1]
    return f"{len(sizes)} sizes, {low_width} x {low_height} to {high_width} x {high_height}"


def _split_lines(dataset: FolderDataset, split: Split) -> list[str]:
    records = dataset.records
    names, codes = (
        (records.photos, records.photo_codes) if split.by == "photo" else (records.captures, records.capture_codes)
    )
    rows = []
    for part in PARTS:
        members = getattr(split, part)
        counts = dataset.class_count_table(members).sum(axis=0)
        shares = (f"{share:.2%}" for share in counts / max(int(counts.sum()), 1))
        units = [names[code] for code in np.unique(codes[members])]
        rows.append((part, f"{len(members):,}", f"{len(units):,}", *shares, _some(units)))
    header = ("part", "images", f"{split.by}s", *dataset.classes.names, f"which {split.by}s")
    return [
        f"split by {split.by}, {len(split.unlabelled):,} unlabelled images to use; class shares by part:",
        *text_table(header, rows, left=(0, len(header) - 1)),
    ]


def _split_problems(dataset: FolderDataset, split: Split) -> Iterable[Problem]:
    few = few_units_warning(dataset, split)
    if few is not None:
        yield Problem("warning", "few photos or captures to test on", few)
    for part, names in absent_classes(dataset, split).items():
        for name in names:
            text = f"{name}: not in the {part} part of the split by {split.by}"
            yield Problem("warning", "class absent from a part", text)


def _problem_lines(problems: Sequence[Problem], place_of: PlaceOf) -> list[str]:
    if not problems:
        return ["", "no problem found"]
    lines: list[str] = []
    ordered = sorted(problems, key=lambda problem: (problem.severity, problem.kind))
    for (severity, kind), members in groupby(ordered, lambda problem: (problem.severity, problem.kind)):
        messages = [problem.message for problem in members]
        place = place_of(KEY_OF_KIND[kind]) if kind in KEY_OF_KIND else None
        heading = f"{severity}: {kind} ({len(messages):,})" + (f", {place}" if place else "")
        lines += ["", heading, *(f"  {message}" for message in messages)]
    return lines


def _some(names: Sequence[str], limit: int = 8) -> str:
    return " ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
