"""Remembering a data folder's index between runs, so that its files need not be listed again.

Adding, removing or renaming a file changes the time of the folder that it lies in. A remembered index counts as
long as all folders that were looked into have the times they had. A folder that was changed just before it was
listed may have been changed once more within the same tick of the file system's clock, so such an index is not
remembered at all. File systems that leave a folder's time alone need `list_anew`.
"""

import json
from pathlib import Path

import numpy as np

from spaces.data_description import DataDescription
from trainables.data.cache_files import Arrays, array_text, cache_file, read_arrays, text_array, write_arrays
from trainables.data.capture_listing import Problem
from trainables.data.folder_index import PLAIN, FolderIndex, index_folder
from trainables.data.records import Place, RecordTable
from trainables.data.text_column import TextColumn

INDEX_VERSION = 3
"""Raised whenever names are read differently, so that what an older version found is not believed."""

SETTLED_NS = 2_000_000_000
"""Age from which a folder's time is believed, ns: FAT's clock, the coarsest in use, ticks every 2 s."""


def remembered_index(
    root: Path, cache_dir: Path, *, description: DataDescription = PLAIN, list_anew: bool = False
) -> FolderIndex:
    """The index of a data folder: the remembered one if it still holds, else a new one, which is remembered.

    Args:
        root: The data folder.
        cache_dir: The cache folder.
        description: How the folder is read.
        list_anew: Believe no remembered index.

    Raises:
        InputError: As `trainables.data.folder_index.index_folder`.
    """
    layout = (description.images, description.masks, description.photo, description.capture)
    path = cache_file(cache_dir, "index", root, INDEX_VERSION, *layout)
    arrays = None if list_anew else read_arrays(path)
    if arrays is not None:
        known = _parse(arrays, root)
        if known is not None and _holds(known, root):
            return known
    index = index_folder(root, description)
    if all(index.listed_ns - changed >= SETTLED_NS for changed in index.folder_times.values()):
        write_arrays(path, _arrays(index, root))
    return index


def _holds(index: FolderIndex, root: Path) -> bool:
    try:
        return all((root / folder).stat().st_mtime_ns == time for folder, time in index.folder_times.items())
    except OSError:
        return False


def _arrays(index: FolderIndex, root: Path) -> Arrays:
    records = index.records
    rest = {
        "photos": records.photos,
        "captures": records.captures,
        "places": [(p.folder.relative_to(root).as_posix(), p.suffix, p.prefix) for p in records.places],
        "problems": [(problem.severity, problem.kind, problem.message) for problem in index.problems],
        "listed_ns": index.listed_ns,
        "folder_times": index.folder_times,
    }
    return {
        "names": records.names.data,
        "photo_codes": records.photo_codes,
        "capture_codes": records.capture_codes,
        "image_codes": records.image_codes,
        "mask_codes": records.mask_codes,
        "rest": text_array(json.dumps(rest)),
    }


def _parse(arrays: Arrays, root: Path) -> FolderIndex | None:
    try:
        rest = json.loads(array_text(arrays["rest"]))
        masks = arrays["mask_codes"]
        records = RecordTable(
            names=TextColumn.from_bytes(arrays["names"]),
            photos=tuple(rest["photos"]),
            captures=tuple(rest["captures"]),
            places=tuple(Place(root / folder, suffix, prefix) for folder, suffix, prefix in rest["places"]),
            photo_codes=arrays["photo_codes"],
            capture_codes=arrays["capture_codes"],
            image_codes=arrays["image_codes"],
            mask_codes=masks,
            heights=np.zeros(len(masks), dtype=np.int32),
            widths=np.zeros(len(masks), dtype=np.int32),
            labelled=masks >= 0,
        )
        problems = tuple(Problem(*problem) for problem in rest["problems"])
        return FolderIndex(records, problems, int(rest["listed_ns"]), dict(rest["folder_times"]))
    except (ValueError, TypeError, KeyError):
        return None
