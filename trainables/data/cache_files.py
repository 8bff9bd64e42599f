"""The user's cache folder: arrays remembered between runs, in files that are replaced in one step.

A cache that can't be read or written costs time only.
"""

import hashlib
import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CACHE_VARIABLE = "SEGPARETO_CACHE"

Arrays = dict[str, NDArray[Any]]
"""Numbers, or text as bytes, by name."""


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


def cache_file(folder: Path, kind: str, root: Path, *circumstances: object) -> Path:
    """The file that remembers something of a data folder.

    Args:
        folder: The cache folder.
        kind: What it remembers, the start of the file's name.
        root: The data folder.
        circumstances: What else it depends on: a version, the classes; must have a JSON form.
    """
    key = json.dumps([str(root.resolve()), *circumstances])
    return folder / f"{kind}-{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()[:32]}.npz"


def read_arrays(path: Path) -> Arrays | None:
    """Read what was remembered; None if there is no usable file. Nothing in it is ever executed."""
    try:
        stored = np.load(path, allow_pickle=False)
        if not isinstance(stored, np.lib.npyio.NpzFile):
            return None
        with stored:
            return dict(stored.items())
    except (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile):
        # Absent, cut short or written by something else.
        return None


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Replace what is remembered, in one step; without effect where nothing can be written."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                np.savez(stream, allow_pickle=False, **arrays)
            temporary.replace(path)
        finally:
            # Still there if the disk is full, or the user ends the work.
            with suppress(OSError):
                temporary.unlink()


def text_array(text: str) -> NDArray[np.uint8]:
    """A text as bytes."""
    return np.frombuffer(text.encode(errors="surrogatepass"), dtype=np.uint8)


def array_text(array: NDArray[np.uint8]) -> str:
    """The text of `text_array`."""
    return array.tobytes().decode(errors="surrogatepass")
