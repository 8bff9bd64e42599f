"""Remembering inspections between runs, in one file per data folder outside of it.

A remembered inspection counts as long as size and time of both files are what they were, so that a changed
mask is inspected again, alone. A cache that can't be read or written costs time only.
"""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from trainables.data.dataset import ClassMapping
from trainables.data.inspection import FileStamp, Inspected

CACHE_VARIABLE = "SEGPARETO_CACHE"
CACHE_VERSION = 1
"""Raised whenever masks are decoded differently, so that what an older version found is not believed."""

CachedInspections = dict[str, tuple[FileStamp, Inspected]]
"""By record name."""


def default_cache_folder() -> Path:
    """The user's cache folder for this program.

    `SEGPARETO_CACHE` if set, else `segpareto` under LOCALAPPDATA on Windows, under XDG_CACHE_HOME or ~/.cache
    elsewhere.
    """
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    variable = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"
    if base := os.environ.get(variable):
        return Path(base) / "segpareto"
    return Path("~/.cache/segpareto").expanduser()


def cache_file(folder: Path, root: Path, classes: ClassMapping) -> Path:
    """The file that remembers the inspections of one data folder, read with one class mapping."""
    key = json.dumps([CACHE_VERSION, str(root.resolve()), classes.names, classes.colours])
    return folder / f"inspection-{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()[:32]}.json"


def read_cache(path: Path, classes: ClassMapping) -> CachedInspections:
    """Read what was remembered; nothing if there is no usable file."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {name: _parse_entry(entry, len(classes.names)) for name, entry in entries.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        # Absent, cut short or written by something else: the files are inspected anew.
        return {}


def write_cache(path: Path, inspections: Mapping[str, tuple[FileStamp, Inspected]]) -> None:
    """Replace the remembered inspections, in one step; without effect where nothing can be written."""
    entries = {name: [asdict(stamp), asdict(found)] for name, (stamp, found) in inspections.items()}
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(entries, stream)
            temporary.replace(path)
        except OSError:
            with suppress(OSError):
                temporary.unlink()


def _parse_entry(entry: list[dict[str, object]], classes: int) -> tuple[FileStamp, Inspected]:
    stamp, found = entry
    counts = found["counts"]
    unknown = found["unknown_values"]
    sizes = (found["height"], found["width"], found["unknown_pixels"], *stamp.values())
    if not (isinstance(counts, list) and len(counts) == classes and isinstance(unknown, list)):
        raise ValueError("not an inspection of these classes")
    if not all(isinstance(value, int) for value in (*counts, *sizes)):
        raise ValueError("not an inspection")
    parsed = {**found, "counts": tuple(counts), "unknown_values": tuple((text, n) for text, n in unknown)}
    return FileStamp(**stamp), Inspected(**parsed)  # type: ignore[arg-type]
