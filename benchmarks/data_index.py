"""How long hundreds of thousands of files take to be indexed, counted and used, and how much memory.

    python -m benchmarks.data_index

Every line is measured in a fresh process, once its modules are imported. CPU seconds are those of all threads; where
the machine has other work, they tell more than seconds. The files have just been written, so the
system holds most of them in memory; a cold disk or a network takes longer for each line, the baseline too.
"""

import os
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.reporting import benchmark_parser, report
from spaces.command_line import EXIT_DONE, run_command
from spaces.errors import InputError
from spaces.option_types import positive

QUICK_FILES = 4_000
BASELINE = "os.walk of the same tree"
FIRST_INDEX, CACHED_INDEX = "index, first time", "index, from its cache"
FIRST_SHARES, CACHED_SHARES = "class shares, first time", "class shares, from the cache"
TRIAL_START = "a trial's start"
SETTLING_SECONDS = 2.5
"""Folders that have only just been changed are listed again; see `trainables.data.index_cache`."""

MOST_SECONDS = {FIRST_INDEX: 15.0, CACHED_INDEX: 2.0, FIRST_SHARES: 60.0, TRIAL_START: 2.0}
MOST_MEGABYTES = {FIRST_INDEX: 400.0}


def main(words: Sequence[str]) -> int:
    """Make the tree, measure, print the table, and delete the tree."""
    options = _options(words)
    with tempfile.TemporaryDirectory(prefix="data-index-", dir=options.folder) as work:
        root, cache = Path(work) / "data", Path(work) / "cache"
        sizes = _fresh_process(_make, root, options.files)
        time.sleep(SETTLING_SECONDS)
        measured = {name: _fresh_process(measure, root, cache) for name, measure in MEASURES.items()}
        settings = _fresh_process(_search_settings, root, cache)
        measured[TRIAL_START] = _fresh_process(_trial_start, root, cache, settings)
    rows = [_row(name, figures) for name, figures in measured.items()]
    baseline = rows[0]["seconds"]
    for row in rows:
        row["times os.walk"] = row["seconds"] / baseline
    report(
        f"Data index: {sizes['images']:,} images, {sizes['labelled']:,} with masks",
        rows,
        options,
        bounds_missed=", ".join(_missed(rows)) or "none",
    )
    return EXIT_DONE


def _options(words: Sequence[str]) -> Namespace:
    from benchmarks.data_tree import ALL_FILES

    parser = benchmark_parser("data_index", "Time and memory of indexing a large data folder and counting its classes.")
    parser.add_argument("--files", type=positive, metavar="N", help=f"images in the tree (default: {ALL_FILES:,})")
    parser.add_argument(
        "--folder",
        type=Path,
        metavar="DIR",
        help="where to make the tree, 2 GB (default: the system's temporary folder)",
    )
    options = parser.parse_args(words)
    options.files = options.files or (QUICK_FILES if options.quick else ALL_FILES)
    if options.folder is not None and not options.folder.is_dir():
        raise InputError(f"--folder {options.folder}: there is no such folder")
    return options


def _fresh_process(function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def _row(name: str, measured: dict[str, Any]) -> dict[str, Any]:
    return {
        "what": name,
        "seconds": measured["seconds"],
        "CPU seconds": measured["cpu_seconds"],
        "at most (s)": MOST_SECONDS.get(name),
        "peak MB": measured["peak"],
        "at most (MB)": MOST_MEGABYTES.get(name),
    }


def _missed(rows: Sequence[dict[str, Any]]) -> list[str]:
    pairs = (("seconds", "at most (s)"), ("peak MB", "at most (MB)"))
    return [
        f"{row['what']} ({value})"
        for row in rows
        for value, bound in pairs
        if row[bound] is not None and row[value] > row[bound]
    ]


def _make(root: Path, files: int) -> dict[str, Any]:
    from benchmarks.data_tree import captures_of, make_tree
    from trainables.data.procedural import CLASSES

    captures = captures_of(files)
    make_tree(root, captures, CLASSES)
    return {
        "images": sum(capture.images for capture in captures),
        "labelled": sum(capture.labelled for capture in captures),
    }


def _timed(work: Callable[[], object]) -> dict[str, Any]:
    from trainables.compute.process_memory import peak_process_memory_mb

    start, cpu_start = time.perf_counter(), time.process_time()
    result = work()
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    peak = peak_process_memory_mb()
    del result
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak": peak}


def _walk(root: Path, _: Path) -> dict[str, Any]:
    return _timed(lambda: [files for _, _, files in os.walk(root)])


def _index(root: Path, cache: Path) -> dict[str, Any]:
    from trainables.data.index_cache import remembered_index

    return _timed(lambda: remembered_index(root, cache))


def _shares(root: Path, cache: Path) -> dict[str, Any]:
    from trainables.data.folder import FolderDataset
    from trainables.data.stats import class_shares

    return _timed(lambda: class_shares(FolderDataset.open(root, cache_dir=cache)))


def _search_settings(root: Path, cache: Path) -> dict[str, Any]:
    """What a search writes down of its data when it begins."""
    from trainables.data.folder import FolderDataset
    from trainables.data.opening import split_hash
    from trainables.data.split import split_dataset

    dataset = FolderDataset.open(root, cache_dir=cache)
    split = split_dataset(dataset, by="photo", seed=0)
    return {"fingerprint": dataset.fingerprint, "expected_hash": split_hash(dataset.records, split)}


def _trial_start(root: Path, cache: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """What an actor does before a trial's first step: opens the data, splits them, and checks both."""
    from trainables.data.cache_files import CACHE_VARIABLE
    from trainables.data.folder import FolderDataset  # noqa: F401 (so that its import is not measured)
    from trainables.data.opening import DataSource, open_split
    from trainables.data.split import split_dataset  # noqa: F401 (likewise)
    from trainables.data.trial_data import TrialData

    os.environ[CACHE_VARIABLE] = str(cache)

    def start() -> TrialData:
        dataset, split = open_split(DataSource(root=str(root)), by="photo", seed=0, **settings)
        return TrialData(dataset, split, validation_windows=256)

    return _timed(start)


MEASURES: dict[str, Callable[[Path, Path], dict[str, Any]]] = {
    BASELINE: _walk,
    FIRST_INDEX: _index,
    CACHED_INDEX: _index,
    FIRST_SHARES: _shares,
    CACHED_SHARES: _shares,
}


if __name__ == "__main__":
    run_command(main)
