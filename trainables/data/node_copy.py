"""A node's own copy of data that lie behind a URI: made once, checked file by file, for all processes of the node.

Copies lie in the user's cache folder, `datasets/DIGEST`, by the digest of the data's manifest: the same data are never
copied twice, changed data never mixed with older ones.
"""

import hashlib
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from filelock import FileLock

from spaces.errors import InputError
from trainables.data.cache_files import default_cache_folder
from trainables.data.manifest import MANIFEST, Manifest, file_checksum, read_manifest
from trainables.full_disk import FullDiskError, full_disk_error
from trainables.shared_files import joined, one_line, open_uri

DATASETS = "datasets"
"""Folder of all copies, in the cache folder."""

RETRY_SECONDS = (1.0, 5.0, 15.0)
"""Waits between attempts to read a file over the network."""

_DATA = "data"
_COMPLETE = "complete"
_PART = ".part"
_THREADS = 16


def node_copy(uri: str, cache: Path | None = None, retry_seconds: Sequence[float] = RETRY_SECONDS) -> Path:
    """This node's copy of a data folder; copied now where that was not done before, or gone on with.

    Other processes of the node that ask for the same data wait until they are there.

    Args:
        uri: The data folder, with its manifest.
        cache: The cache folder; the user's by default.
        retry_seconds: Waits before a file is read once more.

    Returns:
        The folder.

    Raises:
        InputError: If there is no manifest, a file is missing or other than it says, or the store can't be reached.
        trainables.full_disk.FullDiskError: If the node has no room.
    """
    source = _Source(uri, retry_seconds)
    manifest = source.manifest()
    place = (cache or default_cache_folder()) / DATASETS / manifest.digest[:32]
    try:
        place.mkdir(parents=True, exist_ok=True)
        with FileLock(place / "lock"):
            if not (place / _COMPLETE).is_file():
                _tell(f"copying {len(manifest.checksums):,} files of {uri} to {place}")
                _copy(source, manifest, place / _DATA)
                (place / _COMPLETE).write_text(f"{uri}\n", encoding="utf-8")
    except OSError as error:
        if full_disk_error(error) is not None:
            raise FullDiskError(f"--data {uri}: no room for a copy in {place} ({one_line(error)})") from error
        raise InputError(f"--data {uri}: can't be copied to {place} ({one_line(error)})") from error
    return place / _DATA


class _Source:
    """The data behind a URI."""

    def __init__(self, uri: str, retry_seconds: Sequence[float]) -> None:
        from pyarrow import ArrowException

        self.uri = uri
        self._retry_seconds = retry_seconds
        try:
            self._files, self._root = open_uri(uri)
        except (ArrowException, OSError, ValueError) as error:
            raise InputError(f"--data {uri}: can't be used ({one_line(error)})") from None

    def manifest(self) -> Manifest:
        place = joined(self.uri, MANIFEST)
        try:
            content = self.read(MANIFEST)
        except FileNotFoundError:
            raise InputError(
                f"--data {self.uri}: has no {MANIFEST}; write it by `python -m trainables.data manifest DIR` "
                "and put it there with the data"
            ) from None
        except OSError as error:
            raise InputError(f"{place}: can't be read ({one_line(error)})") from None
        return read_manifest(content, place)

    def read(self, name: str) -> bytes:
        """A file's content.

        Raises:
            FileNotFoundError: If there is none.
            OSError: If it can't be read after some waits either.
        """
        for seconds in self._retry_seconds:
            try:
                return self._read(name)
            except FileNotFoundError:
                raise
            except OSError:
                time.sleep(seconds)
        return self._read(name)

    def _read(self, name: str) -> bytes:
        stream: Any
        with self._files.open_input_file(f"{self._root}/{name}") as stream:
            return bytes(stream.read())


def _copy(source: _Source, manifest: Manifest, folder: Path) -> None:
    for parent in {(folder / name).parent for name in manifest.checksums}:
        parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(_THREADS) as pool:
        copies = [pool.submit(_copy_file, source, folder, *entry) for entry in manifest.checksums.items()]
        try:
            for copy in copies:
                copy.result()
        except BaseException:
            # The first failure ends it; what is there stays and is gone on from.
            pool.shutdown(cancel_futures=True)
            raise


def _copy_file(source: _Source, folder: Path, name: str, checksum: str) -> None:
    """Copy a file, unless an earlier attempt did; a file under its name is whole, or is found not to be."""
    path = folder / name
    if path.is_file() and file_checksum(path) == checksum:
        return
    try:
        content = source.read(name)
    except FileNotFoundError:
        raise InputError(f"--data {source.uri}: {name} is missing, which {MANIFEST} names; put it there") from None
    if hashlib.sha256(content).hexdigest() != checksum:
        raise InputError(
            f"--data {source.uri}: {name} is not what {MANIFEST} says; put the file there again, "
            "or write the manifest anew by: python -m trainables.data manifest DIR"
        )
    # Hidden, as nothing is that a manifest is written of: the data may hold a file of the name with this ending.
    part = path.with_name(f".{path.name}{_PART}")
    part.write_bytes(content)
    part.replace(path)


def _tell(line: str) -> None:
    """Tell people at a terminal why they wait."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
