"""A data folder of hundreds of thousands of patches, laid out as drone photos of plantations are."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spaces.errors import InputError
from trainables.data.dataset import ClassMapping
from trainables.data.decoding_threads import decoded_in_order

SIZE = 256
"""Side of a patch, px."""

PATCHES_PER_PHOTO = (16, 23)
"""Rows and columns of patches that a photo is cut into."""

LINKS_PER_FILE = 1000
"""Hard links made to one file; NTFS allows 1,023."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A folder of patches, the first of which have masks.

    Attributes:
        name: Its folder's name.
        images: How many images it holds.
        labelled: How many of them have a mask.
        colour_masks: Masks hold the mapping's colours, else class indices.
    """

    name: str
    images: int
    labelled: int
    colour_masks: bool


CAPTURES = (
    Capture("salak-1-1", 5_273, 5_273, colour_masks=True),
    Capture("salak-1-2", 59_136, 2_503, colour_masks=False),
    Capture("salak-1-3", 40_506, 5_080, colour_masks=True),
    Capture("salak-1-4", 89_472, 0, colour_masks=True),
    Capture("salak-1-5", 76_800, 0, colour_masks=True),
    Capture("salak-1-6", 99_460, 0, colour_masks=True),
)
ALL_FILES = sum(capture.images for capture in CAPTURES)


def captures_of(files: int) -> tuple[Capture, ...]:
    """The captures, scaled down to about as many images in all."""
    share = files / ALL_FILES
    return tuple(
        Capture(c.name, max(1, round(c.images * share)), round(c.labelled * share), c.colour_masks) for c in CAPTURES
    )


def make_tree(root: Path, captures: Sequence[Capture], classes: ClassMapping) -> None:
    """Make the folder.

    Labelled images and their masks are PNG files of 256 x 256 px, each with pixels of its own; an image takes
    about as many bytes as a patch of a photo. Unlabelled images are hard links to a tiny file.

    Args:
        root: A new folder.
        captures: What it holds.
        classes: The classes of the masks.

    Raises:
        InputError: The folder can't be written.
    """
    try:
        for capture in captures:
            for folder in ("images", "masks") if capture.labelled else ("images",):
                (root / capture.name / folder).mkdir(parents=True)
            names = list(_patch_names(capture))
            _make_labelled(root / capture.name, names[: capture.labelled], capture, classes)
            _link_unlabelled(root / capture.name / "images", names[capture.labelled :])
        rows = (f"{name},{r} {g} {b}" for name, (r, g, b) in zip(classes.names, classes.colours, strict=True))
        text = "\n".join(["class_name,class_color", *rows]) + "\n"
        (root / "class_mapping.csv").write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{root}: can't be written: {error.strerror or error}") from error


def _patch_names(capture: Capture) -> Iterator[str]:
    rows, columns = PATCHES_PER_PHOTO
    # Small trees have small photos, so that there are some to split.
    per_photo = min(rows * columns, max(1, capture.images // 15))
    for image in range(capture.images):
        photo, patch = divmod(image, per_photo)
        yield f"DJI_{photo + 1:04d}_patch_{patch // columns:03d}_{patch % columns:03d}.png"


def _make_labelled(folder: Path, names: Sequence[str], capture: Capture, classes: ClassMapping) -> None:
    colours = np.array(classes.colours, dtype=np.uint8)
    # Drawing fresh noise for each image would take longer than writing it: each gets another part of this.
    noise = np.random.default_rng(0).normal(0, 8, (2 * SIZE, 2 * SIZE, 3)).astype(np.int16)

    def make(seed: int) -> None:
        random = np.random.default_rng((seed, len(names)))
        labels = _blocks(random.integers(0, len(classes.names), (32, 32), dtype=np.uint8))
        top, left = random.integers(0, SIZE, 2).tolist()
        photo = colours[labels] // 2 + noise[top : top + SIZE, left : left + SIZE] + 60
        image = Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8))
        image.save(folder / "images" / names[seed], compress_level=1)
        mask = colours[labels] if capture.colour_masks else labels
        Image.fromarray(mask).save(folder / "masks" / names[seed], compress_level=1)

    for _ in decoded_in_order(make, range(len(names))):
        pass


def _blocks(coarse: NDArray[np.uint8]) -> NDArray[np.uint8]:
    side = SIZE // len(coarse)
    return coarse.repeat(side, axis=0).repeat(side, axis=1)


def _link_unlabelled(folder: Path, names: Sequence[str]) -> None:
    tiny = Image.new("RGB", (2, 2))
    for first in range(0, len(names), LINKS_PER_FILE):
        original = folder / names[first]
        tiny.save(original)
        content = original.read_bytes()
        for name in names[first + 1 : first + LINKS_PER_FILE]:
            with suppress(OSError):
                os.link(original, folder / name)
                continue
            (folder / name).write_bytes(content)  # a file system without hard links
