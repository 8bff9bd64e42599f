"""Small data folders for tests: made in a temporary folder, a few pixels per image."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainables.data.dataset import ClassMapping

CLASSES = ClassMapping(
    names=("background", "water", "road", "Snake Fruit"),
    colours=((0, 0, 0), (255, 50, 50), (109, 255, 50), (50, 167, 255)),
)
HEIGHT, WIDTH = 6, 8


def write_mapping(root: Path, classes: ClassMapping = CLASSES) -> Path:
    path = root / "class_mapping.csv"
    rows = [f"{name},{r} {g} {b}" for name, (r, g, b) in zip(classes.names, classes.colours, strict=True)]
    path.write_text("\n".join(["class_name,class_color", *rows]) + "\n", encoding="utf-8")
    return path


def colour_mask(labels: NDArray[np.uint8], classes: ClassMapping = CLASSES) -> NDArray[np.uint8]:
    return np.array(classes.colours, dtype=np.uint8)[labels]


def some_labels(seed: int, height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """Labels in which every class of `CLASSES` has a pixel."""
    labels = np.random.default_rng(seed).integers(0, len(CLASSES.names), (height, width), dtype=np.uint8)
    labels.flat[: len(CLASSES.names)] = np.arange(len(CLASSES.names))
    return labels


def save(path: Path, pixels: NDArray[np.generic]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def make_folder(
    root: Path, captures: Mapping[str, Mapping[str, bool]], *, height: int = HEIGHT, width: int = WIDTH
) -> Path:
    """Make a data folder: {capture: {image stem: labelled}}; masks are RGB."""
    root.mkdir(parents=True, exist_ok=True)
    write_mapping(root)
    seed = 0
    for capture, stems in captures.items():
        for stem, labelled in stems.items():
            seed += 1
            pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
            save(root / capture / "images" / f"{stem}.png", pixels)
            if labelled:
                save(root / capture / "masks" / f"{stem}.png", colour_mask(some_labels(seed, height, width)))
    return root


def three_photos(root: Path) -> Path:
    """The smallest usable folder: one capture, three labelled photos."""
    return make_folder(root, {"flight": {"a": True, "b": True, "c": True}})
