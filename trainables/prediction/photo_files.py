"""Which photos a command line names, and where each one's masks go."""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from spaces.errors import InputError
from trainables.data.folder_index import IMAGE_FOLDER, MASK_FOLDER
from trainables.data.image_files import IMAGE_SUFFIXES
from trainables.prediction.mask_kinds import MASK_KINDS

TIFF_SUFFIXES = frozenset({".tif", ".tiff"})


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A photo to be predicted.

    Attributes:
        path: The file.
        name: Its path below what all photos have in common, with slashes.
        stamp: Its size in bytes and the time of its last change when it was found, which is before it is opened:
            another photo under the same name has others. None where the system does not tell.
    """

    path: Path
    name: str
    stamp: tuple[int, int] | None = None

    @property
    def is_tiff(self) -> bool:
        """Whether it is a TIFF, whose masks are TIFFs."""
        return self.path.suffix.lower() in TIFF_SUFFIXES

    @property
    def mask_name(self) -> str:
        """Path of its masks below a folder of masks: the photo's, as .tif of a TIFF and as .png of all others."""
        return str(PurePosixPath(self.name).with_suffix(".tif" if self.is_tiff else ".png"))


def find_photos(words: Sequence[str], *, recursive: bool, output: Path) -> tuple[PhotoFile, ...]:
    """Find the photos that files, folders and patterns name, each once, in the order of their names.

    Of folders and patterns only images are taken (.jpg, .jpeg, .png, .tif, .tiff), no hidden ones, no masks that were
    predicted into the output folder, and nothing from `masks` beside `images`, as data folders have them.

    Args:
        words: Files, folders and patterns with `*`, `?`, `[...]` and `**`.
        recursive: Take the folders in folders, too.
        output: Where masks go.

    Raises:
        InputError: A word names nothing, or two photos would have the same mask.
    """
    # Not the output folder as such: it may be that of the photos, or hold it.
    kept_out = tuple(output.resolve() / kind for kind in MASK_KINDS)
    found: dict[Path, Path] = {}  # path, and the folder that its name is to begin below
    for word in words:
        photos = list(_named(word, recursive, kept_out))
        if not photos:
            raise InputError(f"{word}: {_nothing(word, recursive)}")
        for path, root in photos:
            found.setdefault(path, root)
    base = _common_folder(found.values())
    files = [PhotoFile(path, path.relative_to(base or root).as_posix(), _stamp(path)) for path, root in found.items()]
    files.sort(key=lambda file: file.name)
    masks: dict[str, PhotoFile] = {}
    for file in files:
        other = masks.setdefault(os.path.normcase(file.mask_name), file)
        if other is not file:
            raise InputError(
                f"{other.path} and {file.path} would both be written to {file.mask_name}; predict them in two calls, "
                "each with an --output of its own"
            )
    return tuple(files)


def _named(word: str, recursive: bool, kept_out: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    """The photos that a word names, each with the folder it was looked for in."""
    path = Path(word)
    if path.is_dir():
        root = path.resolve()
        yield from ((photo, root) for photo in _in_folder(root, recursive, kept_out))
    elif path.exists():
        # Not the file itself: a link's name is the photo's.
        root = path.parent.resolve()
        yield root / path.name, root
    elif glob.has_magic(word):
        fixed = _fixed_part(path)
        root, pattern = fixed.resolve(), str(path.relative_to(fixed))
        # Path.glob takes hidden files, and differs between versions of Python.
        for name in sorted(glob.glob(pattern, root_dir=root, recursive=True)):  # noqa: PTH207
            match = root / name
            if match.is_dir():
                # `**` names every folder and what is in it: the files come by themselves.
                if "**" not in pattern:
                    yield from ((photo, root) for photo in _in_folder(match, recursive, kept_out))
            elif _is_image(match) and not _is_mask(match, root, kept_out):
                yield match, root


def _in_folder(folder: Path, recursive: bool, kept_out: Sequence[Path]) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        here = Path(place)
        if any(here.is_relative_to(masks) for masks in kept_out):
            folders.clear()
            continue
        yield from (here / name for name in sorted(files) if _is_image(Path(name)))
        if not recursive:
            return
        left_out = {MASK_FOLDER} if IMAGE_FOLDER in folders else set()
        folders[:] = sorted(name for name in folders if name not in left_out and not name.startswith("."))


def _is_image(path: Path) -> bool:
    return not path.name.startswith(".") and path.suffix.lower() in IMAGE_SUFFIXES


def _is_mask(match: Path, root: Path, kept_out: Sequence[Path]) -> bool:
    """Whether a file lies where masks do, below the folder that its pattern begins in."""
    if any(match.is_relative_to(masks) for masks in kept_out):
        return True
    folders = match.relative_to(root).parents[:-1]
    return any(folder.name == MASK_FOLDER and (root / folder).with_name(IMAGE_FOLDER).is_dir() for folder in folders)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        # Opening it tells why.
        return None
    return status.st_size, status.st_mtime_ns


def _fixed_part(pattern: Path) -> Path:
    """The folder that a pattern begins in; one that is called like a pattern is a folder."""
    folder = pattern
    while glob.has_magic(str(folder)) and not folder.is_dir():
        folder = folder.parent
    return folder


def _common_folder(roots: Iterable[Path]) -> Path | None:
    """What folders have in common; None where that is nothing, as on two drives."""
    try:
        return Path(os.path.commonpath(set(roots)))
    except ValueError:
        return None


def _nothing(word: str, recursive: bool) -> str:
    if Path(word).is_dir():
        deeper = "" if recursive else "; --recursive looks into the folders in it"
        return f"no image in this folder ({', '.join(sorted(IMAGE_SUFFIXES))}){deeper}"
    if glob.has_magic(word):
        return f"no image fits this pattern ({', '.join(sorted(IMAGE_SUFFIXES))})"
    return "there is no such file; name photos, folders or quoted patterns"
