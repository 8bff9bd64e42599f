"""The folder of a search or a training under the runs folder: its name, and its lock."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from spaces.device_names import is_device_name
from spaces.errors import InputError

LOCK = ".lock"

HALF_WRITTEN_SETTINGS = "settings.json.tmp"
"""What a process leaves that was killed while it wrote its settings; nobody reads it."""

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def check_name(name: str) -> str:
    """Give back a name that can be a folder on every system.

    Raises:
        InputError: If it can't.
    """
    if not NAME_PATTERN.fullmatch(name) or is_device_name(name) or name.endswith("."):
        raise InputError(f"--name {name!r}: use up to 80 of A-Z, a-z, 0-9, '.', '_', '-', the first a letter or digit")
    return name


def free_folder(runs: Path, name: str) -> Path:
    """Where a new search's or training's folder would be.

    One without content is free: what made it was killed before it began.

    Raises:
        InputError: If the name can't be one, or is taken.
    """
    folder = runs / check_name(name)
    if folder.exists() and not _is_bare(folder):
        raise InputError(f"{folder} exists already; choose another --name, or go on with it by --resume --name {name}")
    return folder


def create_folder(runs: Path, name: str, *parts: str) -> Path:
    """Make the folder of a new search or training, with folders of these names in it.

    Raises:
        InputError: If the name is taken, or the folder can't be written.
    """
    folder = free_folder(runs, name)
    try:
        for path in (folder, *(folder / part for part in parts)):
            path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--runs {runs}: can't make {folder}: {error.strerror or error}") from None
    return folder


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for this process while the block lasts.

    Raises:
        InputError: If another process works in it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"{folder.name} is being run by another process; wait for it or stop it") from None
    except OSError as error:
        raise _not_writable(folder, error) from None
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: Path) -> bool:
    """Whether another process holds a folder now, on this machine or another one that shares it.

    Raises:
        InputError: If the folder can't be written.
    """
    from filelock import FileLock, Timeout

    try:
        with FileLock(folder / LOCK).acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError as error:
        raise _not_writable(folder, error) from None


def _is_bare(folder: Path) -> bool:
    """Whether a folder, with the folders in it, holds nothing but empty files and half-written settings."""
    if not folder.is_dir():
        return False
    files = (path for path in folder.rglob("*") if not path.is_dir())
    return all(path.name == HALF_WRITTEN_SETTINGS or path.stat().st_size == 0 for path in files)


def _not_writable(folder: Path, error: OSError) -> InputError:
    return InputError(f"{folder}: can't be written ({error.strerror or error}); restore the permission")
