"""The masks of one photo: written row by row under other names, which they lose when they are complete."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainables.checkpoint import PARTIAL
from trainables.data.dataset import IGNORE_INDEX
from trainables.prediction.mask_kinds import INDEX
from trainables.prediction.photo import Photo


@dataclass(frozen=True, slots=True)
class CompleteMasks:
    """What was written of a photo.

    Attributes:
        file_bytes: Size of each file, by kind of mask.
        pixels: Pixels of each class, by index.
        square_metres_per_pixel: Where the photo tells it, else None.
    """

    file_bytes: dict[str, int]
    pixels: tuple[int, ...]
    square_metres_per_pixel: float | None


class PhotoMasks(ABC):
    """The masks of a photo while they are written.

    Args:
        paths: Where each kind of mask goes; the folders are made.
        colours: (C, 3), RGB by class.
    """

    square_metres_per_pixel: float | None = None

    def __init__(self, paths: Mapping[str, Path], colours: NDArray[np.uint8]) -> None:
        self.colours = colours
        self._paths = dict(paths)
        self._pixels = np.zeros(len(colours), dtype=np.int64)
        for path in self._paths.values():
            path.parent.mkdir(parents=True, exist_ok=True)

    @property
    def partial_paths(self) -> dict[str, Path]:
        """The names that the files have until they are complete."""
        return {kind: path.with_name(path.name + PARTIAL) for kind, path in self._paths.items()}

    def add(self, top: int, classes: NDArray[np.uint8]) -> None:
        """Take the next rows, (rows, W) class indices."""
        counted = self._take(top, classes)
        self._pixels += np.bincount(counted.ravel(), minlength=IGNORE_INDEX + 1)[: len(self._pixels)]

    def finish(self) -> CompleteMasks:
        """Complete the files and give them their names."""
        self._complete()
        sizes = {}
        for kind, partial in self.partial_paths.items():
            sizes[kind] = partial.stat().st_size
            partial.replace(self._paths[kind])
        return CompleteMasks(sizes, tuple(int(count) for count in self._pixels), self.square_metres_per_pixel)

    def abandon(self) -> None:
        """Leave nothing behind."""
        with suppress(OSError):
            self._release()
        for partial in self.partial_paths.values():
            with suppress(OSError):
                partial.unlink(missing_ok=True)

    @abstractmethod
    def _take(self, top: int, classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Keep or write rows; give them back with `IGNORE_INDEX` where the photo has no data."""

    @abstractmethod
    def _complete(self) -> None:
        """Write what is not written yet under the partial names."""

    def _release(self) -> None:
        """Close what is open."""
        return


class WholeMasks(PhotoMasks):
    """Held in memory, one byte per pixel, and written at the end as PNG, or as TIFF for a TIFF."""

    def __init__(self, photo: Photo, paths: Mapping[str, Path], colours: NDArray[np.uint8]) -> None:
        super().__init__(paths, colours)
        self._classes = np.empty((photo.height, photo.width), dtype=np.uint8)
        self._is_tiff = photo.file.is_tiff

    def _take(self, top: int, classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        self._classes[top : top + len(classes)] = classes
        return classes

    def _complete(self) -> None:
        for kind, partial in self.partial_paths.items():
            image = Image.fromarray(self._classes if kind == INDEX else self.colours[self._classes])
            if self._is_tiff:
                image.save(partial, format="TIFF", compression="tiff_deflate")
            else:
                image.save(partial, format="PNG")


def make_masks(photo: Photo, paths: Mapping[str, Path], colours: NDArray[np.uint8]) -> PhotoMasks:
    """Begin the masks of a photo, in the way that it is read: whole, or row by row."""
    from trainables.prediction.geotiff import RasterPhoto

    if isinstance(photo, RasterPhoto):
        from trainables.prediction.geotiff_masks import RasterMasks

        return RasterMasks(photo, paths, colours)
    return WholeMasks(photo, paths, colours)
