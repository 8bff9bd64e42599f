"""TIFFs read strip by strip with rasterio: photos that have a georeference, and photos too large for memory."""

import contextlib
import importlib.util
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.dataset import UnreadableImageError
from trainables.evaluation.windows import PixelRows
from trainables.prediction.photo import Photo
from trainables.prediction.photo_files import PhotoFile
from trainables.prediction.scaled_rows import ScaledRows

LARGE_PIXELS = 50_000_000
"""A TIFF without a georeference that has more pixels is read strip by strip, others whole."""

CACHE_MB = 64
"""Of GDAL, whose own choice is a twentieth of the machine's memory."""

ROWS_AT_ONCE = 256
"""Rows that are read together, about; whole blocks of the file where these are not larger."""

_LARGEST_BLOCK = 1024
_COLOURS = ("red", "green", "blue")
_NOT_TO_SCALE = frozenset({"merc", "eqc"})
"""Projections, as PROJ calls them, whose metres are those of the ground at the equator alone."""


@dataclass(frozen=True, slots=True)
class Georeference:
    """Where a photo lies.

    Attributes:
        crs: Coordinate reference system as rasterio has it, or None.
        transform: From pixels to its coordinates; the identity where there is none.
        ground_points: Ground control points and their reference system.
        square_metres_per_pixel: Where the system is projected, else None; also None in Mercator's and equidistant
            cylindrical projections, whose metres are none on the ground.
    """

    crs: Any
    transform: Any
    ground_points: tuple[Any, Any]
    square_metres_per_pixel: float | None


def rasterio_is_there() -> bool:
    """Whether TIFFs can be read by strips; loads nothing."""
    return importlib.util.find_spec("rasterio") is not None


@contextlib.contextmanager
def gdal() -> Iterator[Any]:
    """Give rasterio with little cache; each thread needs its own."""
    import rasterio

    with rasterio.Env(GDAL_CACHEMAX=CACHE_MB):
        yield rasterio


def open_raster(file: PhotoFile) -> "RasterPhoto | None":
    """Open a TIFF to read it by strips; None for one that is better decoded whole, or that only this can't open.

    Raises:
        UnreadableImageError: It has a georeference or is large, and samples that are no picture's.
    """
    with gdal() as rasterio:
        try:
            dataset = rasterio.open(file.path, driver="GTiff")
        except rasterio.errors.RasterioError:
            return None
        with dataset:
            georeference = _georeference(dataset)
            placed = georeference.crs is not None or not dataset.transform.is_identity or georeference.ground_points[0]
            if not placed and dataset.width * dataset.height <= LARGE_PIXELS:
                return None
            if dataset.dtypes[0] not in ("uint8", "uint16"):
                raise UnreadableImageError(
                    f"{file.path}: samples of kind {dataset.dtypes[0]}; save it with 8 or 16 bits per channel"
                )
            gaps = any("all_valid" not in [flag.name for flag in flags] for flags in dataset.mask_flag_enums)
            return RasterPhoto(file, dataset.height, dataset.width, georeference, has_gaps=gaps)


class RasterPhoto(Photo):
    """A TIFF that is read by strips, once for each network.

    Attributes:
        georeference: Where it lies.
        has_gaps: Whether pixels may be without data.
    """

    def __init__(self, file: PhotoFile, height: int, width: int, georeference: Georeference, *, has_gaps: bool) -> None:
        super().__init__(file, height, width)
        self.georeference = georeference
        self.has_gaps = has_gaps
        self._strips: list[_Strips] = []

    def rows(self, image_scale: float) -> PixelRows:
        """Read from the first row on; a failure ends in black rows and is told by `failure`."""
        strips = _Strips(self)
        self._strips.append(strips)
        return strips if image_scale == 1.0 else ScaledRows(strips, self.height, self.width, image_scale)

    def close(self) -> None:
        """End reading."""
        for strips in self._strips:
            strips.close()


class _Strips:
    """Rows of a TIFF, asked for from top to bottom; the next strip is read while those before are worked on."""

    def __init__(self, photo: RasterPhoto) -> None:
        self._photo = photo
        self._strips = _read_strips(photo.file.path, photo.height)
        # One thread: GDAL's files belong to the thread that opened them.
        self._thread = ThreadPoolExecutor(1)
        self._ahead: Future[NDArray[np.uint8] | None] = self._thread.submit(next, self._strips, None)
        self._held = np.empty((0, photo.width, 3), dtype=np.uint8)
        self._top = 0

    def __getitem__(self, rows: slice) -> NDArray[np.uint8]:
        stop = min(rows.stop, self._photo.height)
        parts = [self._held[rows.start - self._top :]]
        end = self._top + len(self._held)
        while end < stop:
            parts.append(self._next(self._photo.height - end))
            end += len(parts[-1])
        if len(parts) > 1:
            self._held, self._top = np.concatenate(parts), rows.start
        return self._held[rows.start - self._top : stop - self._top]

    def _next(self, left: int) -> NDArray[np.uint8]:
        try:
            strip = None if self._photo.failure else self._ahead.result()
        except (UnreadableImageError, MemoryError) as error:
            # The windows of other photos are in the same batch: this photo's rows go on, and count for nothing.
            self._photo.failure = str(error) or f"{self._photo.file.path}: {type(error).__name__}"
            strip = None
        if strip is None:
            return np.zeros((min(left, ROWS_AT_ONCE), self._photo.width, 3), dtype=np.uint8)
        self._ahead = self._thread.submit(next, self._strips, None)
        return strip

    def close(self) -> None:
        self._ahead.cancel()
        self._thread.submit(self._strips.close)
        self._thread.shutdown(wait=True)


def _read_strips(path: Path, height: int) -> Generator[NDArray[np.uint8], None, None]:
    """A TIFF from top to bottom, (rows, W, 3), RGB; of 16 bits the upper 8.

    Raises:
        UnreadableImageError: It is damaged.
    """
    with gdal() as rasterio:
        try:
            with rasterio.open(path, driver="GTiff") as dataset:
                block = dataset.block_shapes[0][0]
                step = block * max(1, ROWS_AT_ONCE // block) if block <= _LARGEST_BLOCK else ROWS_AT_ONCE
                bands, colours = _colours(dataset)
                for top in range(0, height, step):
                    window = rasterio.windows.Window(0, top, dataset.width, min(step, height - top))
                    values = dataset.read(bands, window=window).transpose(1, 2, 0)
                    if values.dtype == np.uint16:
                        values = values >> 8
                    pixels: NDArray[np.uint8] = values.astype(np.uint8)
                    yield colours[pixels[:, :, 0]] if colours is not None else np.ascontiguousarray(pixels)
        except rasterio.errors.RasterioError as error:
            raise UnreadableImageError(f"{path}: damaged: {' '.join(str(error).split())}") from error


def _colours(dataset: Any) -> tuple[list[int], NDArray[np.uint8] | None]:
    """Which bands are red, green and blue, and the palette of a file that has one."""
    meanings = [meaning.name for meaning in dataset.colorinterp]
    if set(_COLOURS) <= set(meanings):
        return [meanings.index(colour) + 1 for colour in _COLOURS], None
    if dataset.count >= 3:
        return [1, 2, 3], None
    if meanings[0] == "palette":
        palette = np.zeros((256, 3), dtype=np.uint8)
        for index, colour in dataset.colormap(1).items():
            palette[index % 256] = colour[:3]
        return [1], palette
    return [1, 1, 1], None


def _georeference(dataset: Any) -> Georeference:
    square = None
    crs = dataset.crs
    if crs is not None and crs.is_projected and crs.to_dict().get("proj") not in _NOT_TO_SCALE:
        metres = crs.linear_units_factor[1]
        square = abs(dataset.transform.determinant) * metres**2
    return Georeference(crs, dataset.transform, dataset.gcps, square)
