"""Decoded images shared by all trials of a node: a folder of raw arrays that every process maps into its memory.

Images are admitted until the cache's bound is reached and then never replaced. Trainings draw all images equally
often, so that no image is worth more than another: any rule of replacement would have as many hits at best, and the
usual one, to drop what was used least recently, none at all once the images of an epoch exceed the bound.

The folder lies in the machine's shared memory (/dev/shm) if that leaves as much free as the cache may take, and else
in the folder for temporary files, which the system keeps in memory as far as it can. Every process that trains holds
a lock in the folder, which the system releases however the process ends: the last one to leave removes the folder,
and whoever opens a cache next removes those whose users were all killed.

A file that is missing, cut short or changed is not believed: its image is decoded again. A full disk ends the
admissions and nothing else.
"""

import mmap
import os
import shutil
import struct
import sys
import tempfile
import weakref
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from trainables.data.recent_images import RecentImages

DECODED_BYTES = 256 << 20
"""Decoded images that a process keeps for itself, those that the shared cache does not hold."""

OPEN_MAPS = 64
"""Files that a process keeps mapped; each takes a file descriptor, of which some systems grant 256."""

PORTION = 8 << 20
"""Bytes that a process reserves at a time, so that it seldom waits for the ledger's lock."""

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own in it, readable by its owner alone

_PREFIX = "segpareto-images"
_ARRAYS = "arrays"
_USERS = "users"
_LEDGER = "ledger"
_MAGIC = b"SPI1"
_START = struct.Struct("<4sI")
_SHAPE = struct.Struct("<3I")
_HEADER_SIZE = _START.size + _SHAPE.size
_BLOCK = 4096
_LOCK_SECONDS = 60.0


class ImageCache:
    """A node's decoded images, with a few of the process's own before them; may be used from several threads.

    Copies sent to other processes use the same folder, but don't keep it alive: they belong to processes that end
    before the one that opened the cache.

    Attributes:
        folder: Where the shared images lie; None where nothing is shared.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Use a folder that `open_image_cache` has made; without one, images are kept in this process alone."""
        self.folder = folder
        self._decoded = RecentImages(max_bytes=DECODED_BYTES)
        self._maps = RecentImages(max_images=OPEN_MAPS)
        self._reserved = 0
        self._full = folder is None

    def __reduce__(self) -> tuple[type["ImageCache"], tuple[Path | None]]:
        return ImageCache, (self.folder,)

    def get(self, key: str, read: Callable[[], NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """The array under a key; read, and shared if there is room, where there is none.

        Processes that miss the same key at once all read it.

        Args:
            key: Says what the array is.
            read: Decodes it: (H, W) or (H, W, 3).

        Returns:
            An array that can't be written to, since others use it too.
        """
        array = self._maps.get(key)
        if array is None:
            array = self._decoded.get(key)
        if array is not None:
            return array
        path = self._path(key)
        if path is not None:
            array = _mapped(path)
            if array is not None:
                self._maps.put(key, array)
                return array
        array = np.ascontiguousarray(read())
        array.flags.writeable = False
        if path is None or not self._admit(path, array):
            self._decoded.put(key, array)
        return array

    def _path(self, key: str) -> Path | None:
        if self.folder is None:
            return None
        return self.folder / _ARRAYS / sha256(key.encode(errors="surrogatepass")).hexdigest()[:40]

    def _admit(self, path: Path, array: NDArray[np.uint8]) -> bool:
        """Write an array for all; False where it must not or can't be."""
        size = -(-(_HEADER_SIZE + array.nbytes) // _BLOCK) * _BLOCK
        if self._full or path.exists():
            return False
        if self._reserved < size:
            self._reserved += _reserve(path.parents[1], size - self._reserved)
        if self._reserved < size:
            self._full = True
            return False
        shape = _SHAPE.pack(*(*array.shape, 0)[:3])
        temporary = path.with_name(f"{path.name}-{uuid4().hex}")
        try:
            with temporary.open("xb") as file:
                file.write(_START.pack(_MAGIC, zlib.crc32(array.data, zlib.crc32(shape))) + shape)
                file.write(array.data)
            temporary.replace(path)  # whole or not at all
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            # Where another process was faster and uses its file, Windows refuses: no reason to admit nothing more.
            self._full = not path.exists()
            return False
        self._reserved -= size
        return True


def open_image_cache(fingerprint: str, *, limit_bytes: int) -> ImageCache:
    """Open this node's cache of a data set, a new one if no process uses one now.

    Args:
        fingerprint: The data's; other data have a cache of their own.
        limit_bytes: Bound of a new cache. It gets less where the disk has less than twice as much free.

    Returns:
        A cache for this process and those that it starts. Where none can be made, one that shares nothing.
    """
    if limit_bytes <= 0:
        return ImageCache()
    try:
        with _door():
            folder = _living_folder(fingerprint) or _new_folder(fingerprint, limit_bytes)
            user = _system_lock(folder / _USERS / uuid4().hex)
            user.acquire(timeout=0)
    except (OSError, NotImplementedError):
        return ImageCache()
    cache = ImageCache(folder)
    weakref.finalize(cache, _leave, folder, user, os.getpid())
    return cache


def _leave(folder: Path, user: FileLock, process: int) -> None:
    if os.getpid() != process:
        return  # a forked child, whose parent still uses the folder
    with suppress(OSError, NotImplementedError), _door():
        user.release()
        if not _is_used(folder):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _door() -> Iterator[None]:
    """Lets one process at a time make, join, leave or remove folders."""
    with _system_lock(Path(tempfile.gettempdir()) / f"{_PREFIX}-{_user_name()}.lock"):
        yield


def _system_lock(path: Path) -> FileLock:
    # A lock that is only a file, which filelock takes where there is no other, would outlive a killed process.
    return FileLock(path, timeout=_LOCK_SECONDS, poll_interval=0.005, thread_local=False, fallback_to_soft=False)


def _user_name() -> str:
    if sys.platform == "win32":
        return "user"  # Windows has a temporary folder per user
    return str(os.getuid())


def _places() -> tuple[Path, ...]:
    shared = (SHARED_MEMORY,) if sys.platform == "linux" and os.access(SHARED_MEMORY, os.W_OK) else ()
    return (*shared, Path(tempfile.gettempdir()))


def _living_folder(fingerprint: str) -> Path | None:
    """The folder of these data that is in use, if there is one; folders without users are removed."""
    living = None
    for place in _places():
        for folder in place.glob(f"{_PREFIX}-{_user_name()}-*"):
            if not _is_ours(folder):
                continue
            if not _is_used(folder):
                shutil.rmtree(folder, ignore_errors=True)
            elif folder.name.split("-")[-2] == _short(fingerprint):
                living = folder
    return living


def _is_ours(folder: Path) -> bool:
    if folder.is_symlink() or not folder.is_dir():
        return False
    return sys.platform == "win32" or folder.stat().st_uid == os.getuid()


def _is_used(folder: Path) -> bool:
    """Whether a process lives that has opened the folder: it holds its lock."""
    for path in (folder / _USERS).glob("*"):
        lock = _system_lock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        path.unlink(missing_ok=True)
    return False


def _new_folder(fingerprint: str, limit_bytes: int) -> Path:
    place = next((place for place in _places() if shutil.disk_usage(place).free >= 2 * limit_bytes), _places()[-1])
    limit = min(limit_bytes, shutil.disk_usage(place).free // 2)
    folder = place / f"{_PREFIX}-{_user_name()}-{_short(fingerprint)}-{uuid4().hex[:8]}"
    folder.mkdir(mode=0o700)
    (folder / _ARRAYS).mkdir()
    (folder / _USERS).mkdir()
    (folder / _LEDGER).write_text(str(limit), encoding="ascii")
    return folder


def _short(fingerprint: str) -> str:
    return sha256(fingerprint.encode()).hexdigest()[:16]


def _reserve(folder: Path, wanted: int) -> int:
    """Take bytes from what the cache has left: a portion, all if that is less, none if it is less than wanted."""
    ledger = folder / _LEDGER
    try:
        with _system_lock(folder / f"{_LEDGER}.lock"):
            left = int(ledger.read_text(encoding="ascii"))
            taken = min(left, max(wanted, PORTION))
            if taken < wanted:
                return 0
            ledger.write_text(str(left - taken), encoding="ascii")
            return taken
    except (OSError, ValueError, NotImplementedError):
        return 0


def _mapped(path: Path) -> NDArray[np.uint8] | None:
    """The array in a file, in the system's memory; None if there is no such file, or not what was written."""
    try:
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        magic, checksum = _START.unpack_from(content)
        height, width, channels = _SHAPE.unpack_from(content, _START.size)
        pixels = np.frombuffer(content, dtype=np.uint8, offset=_HEADER_SIZE)
        array = pixels.reshape((height, width, channels) if channels else (height, width))
    except (OSError, ValueError, struct.error):
        return None
    with memoryview(content) as view:
        return array if magic == _MAGIC and zlib.crc32(view[_START.size :]) == checksum else None
