"""Patterns of paths that say where images and masks lie: `{capture}/images/{stem}.*`, `labels/{stem}_mask.png`."""

import re
from dataclasses import dataclass

CAPTURE = "{capture}"
STEM = "{stem}"
ANY_EXTENSION = ".*"

_FORBIDDEN = re.compile(r"[*?{}\\]|^\.\.?$")


@dataclass(frozen=True, slots=True)
class FilePattern:
    """Where the files of one kind lie under a data folder.

    Attributes:
        before: Folders up to the one that is named like the capture, or to the files where there is none.
        captured: Whether a folder is named like the capture.
        after: Folders below that one.
        prefix: What file names have before the stem.
        tail: What they have after it, the extension included, or excluded if any is taken.
        any_extension: Whether any extension is taken.
    """

    before: tuple[str, ...]
    captured: bool
    after: tuple[str, ...]
    prefix: str
    tail: str
    any_extension: bool

    @classmethod
    def parse(cls, text: str) -> "FilePattern":
        """Read a pattern: folders and a file name, with `/` between; `*` in the file name is short for `{stem}`.

        Raises:
            ValueError: It is no such pattern; the message says what would be right.
        """
        *folders, name = text.split("/")
        any_extension = name.endswith(ANY_EXTENSION)
        if any_extension:
            name = name.removesuffix(ANY_EXTENSION)
        if STEM not in name:
            name = name.replace("*", STEM, 1)
        prefix, stem, tail = name.partition(STEM)
        if not stem or _FORBIDDEN.search(prefix + tail) or not (any_extension or "." in tail):
            raise ValueError(f"{text!r}: the file's name must hold {STEM} once and an extension, as in {STEM}_mask.png")
        literal = [folder for folder in folders if folder != CAPTURE]
        if len(folders) - len(literal) > 1 or not all(folder and not _FORBIDDEN.search(folder) for folder in literal):
            raise ValueError(
                f"{text!r}: folders are names relative to the root, with / between; one of them may be {CAPTURE}"
            )
        place = folders.index(CAPTURE) if CAPTURE in folders else len(folders)
        return cls(tuple(folders[:place]), CAPTURE in folders, tuple(folders[place + 1 :]), prefix, tail, any_extension)

    @property
    def top(self) -> str:
        """The folder of the captures' folders, or of the files where there are none; relative, "." for the root."""
        return "/".join(self.before) or "."

    def folder(self, capture: str) -> str:
        """The folder of a capture's files, relative; a capture "." is the folder `top` itself."""
        named = (capture,) if self.captured and capture != "." else ()
        return "/".join((*self.before, *named, *self.after)) or "."

    def divided(self, name: str) -> tuple[str, str] | None:
        """The stem of a file's name and what follows it; None where the name does not fit."""
        body, extension = name, ""
        if self.any_extension:
            body, dot, extension = name.rpartition(".")
            if not dot:
                body, extension = name, ""
            extension = dot + extension
        # Cameras and programs write .JPG or .jpg as they like.
        if not body.startswith(self.prefix) or not body.lower().endswith(self.tail.lower()):
            return None
        stem = body[len(self.prefix) : len(body) - len(self.tail)]
        return (stem, body[len(body) - len(self.tail) :] + extension) if stem else None
