"""The checksums of a data folder's files, in a file beside them that `sha256sum -c` reads, too.

Nodes that copy the data check each file against it, and tell by it whether they have the data already.
"""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from spaces.errors import InputError

MANIFEST = "manifest.sha256"

_THREADS = 8
_LINE_ENDS = "\n\r\\"
"""What a name can't hold: lines of the manifest would be read otherwise than written."""
_DRIVE = ":"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a data folder holds.

    Attributes:
        checksums: SHA-256 by path relative to the folder, with slashes.
        digest: Tells this state of the data from any other.
    """

    checksums: dict[str, str]
    digest: str


def write_manifest(folder: Path, progress: Callable[[int, int], None] | None = None) -> Manifest:
    """Write the manifest of a data folder: of all its files but hidden ones and the manifest itself.

    Args:
        folder: The data folder.
        progress: Told after each file how many of all are done.

    Raises:
        InputError: If there is no such folder, it is empty, or a file's name can't stand in a manifest.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder")
    names = sorted(_names(folder))
    if not names:
        raise InputError(f"{folder}: holds no files; name a data folder")
    lines = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for done, (name, checksum) in enumerate(
            zip(names, pool.map(lambda name: file_checksum(folder / name), names), strict=True), start=1
        ):
            lines.append(f"{checksum}  {name}\n")
            if progress is not None:
                progress(done, len(names))
    content = "".join(lines).encode()
    manifest = read_manifest(content, str(folder / MANIFEST))
    temporary = folder / f".{MANIFEST}"
    temporary.write_bytes(content)
    temporary.replace(folder / MANIFEST)
    return manifest


def read_manifest(content: bytes, place: str) -> Manifest:
    """Read a manifest.

    Args:
        content: The file's bytes.
        place: Where it comes from, for messages.

    Raises:
        InputError: If it is none, or names files outside the data folder.
    """
    checksums: dict[str, str] = {}
    if not content.strip():
        raise InputError(f"{place}: is empty; {_hint()}")
    try:
        # Only at line feeds: names may hold what else Unicode ends lines with.
        lines = [line.removesuffix("\r") for line in content.decode().removesuffix("\n").split("\n")]
    except UnicodeDecodeError:
        raise InputError(f"{place}: no text; {_hint()}") from None
    for number, line in enumerate(lines, start=1):
        checksum, _, name = line.partition("  ")
        if len(checksum) != 64 or set(checksum) - set("0123456789abcdef") or not _is_inside(name):
            raise InputError(f"{place}, line {number}: must be a SHA-256, two spaces and a relative path; {_hint()}")
        if checksums.setdefault(name, checksum) != checksum:
            raise InputError(f"{place}, line {number}: {name} is there twice, with two checksums; {_hint()}")
    return Manifest(checksums, hashlib.sha256(content).hexdigest())


def file_checksum(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _names(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        if path.is_dir() and path.is_symlink():
            raise InputError(f"{path}: links to a folder, whose files would be left out; put the folder itself there")
        if path.is_dir() or relative.as_posix() == MANIFEST or any(part.startswith(".") for part in relative.parts):
            continue
        name = relative.as_posix()
        if not _is_text(name) or any(mark in name for mark in _LINE_ENDS):
            raise InputError(f"{folder}: {name!r} can't stand in a manifest; rename it")
        yield name


def _is_inside(name: str) -> bool:
    """Whether a path is relative, leads nowhere out of the folder and is spelled in the only way there is."""
    path = PurePosixPath(name)
    plain = bool(path.parts) and str(path) == name and not path.is_absolute()
    return plain and ".." not in path.parts and _DRIVE not in path.parts[0] and "\\" not in name


def _is_text(name: str) -> bool:
    """Whether a name's bytes were UTF-8: others reach Python as lone surrogates."""
    return name.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in name)


def _hint() -> str:
    return "write it anew by: python -m trainables.data manifest DIR"
