"""Masks written as GeoTIFF, row by row, where the photo lies."""

import contextlib
import errno
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.dataset import IGNORE_INDEX
from trainables.prediction.geotiff import CACHE_MB, ROWS_AT_ONCE, RasterPhoto, gdal
from trainables.prediction.mask_kinds import COLOUR
from trainables.prediction.masks import PhotoMasks

_ROWS_PER_STRIP = 64


class RasterMasks(PhotoMasks):
    """Masks of a TIFF with its size and georeference.

    Pixels without data have no class: `IGNORE_INDEX`, named as the value for no data, in masks of indices, and are
    transparent in those of colours. To be used by one thread, since GDAL's files belong to it.

    Raises:
        OSError: They can't be written; nothing is left behind.
    """

    def __init__(self, photo: RasterPhoto, paths: Mapping[str, Path], colours: NDArray[np.uint8]) -> None:
        super().__init__(paths, colours)
        self._photo = photo
        self.square_metres_per_pixel = photo.georeference.square_metres_per_pixel
        self._files: dict[str, Any] = {}
        self._gaps: Any = None
        try:
            self._open()
        except BaseException:
            self.abandon()
            raise

    def _open(self) -> None:
        with self._gdal() as rasterio:
            self._gaps = rasterio.open(self._photo.file.path, driver="GTiff") if self._photo.has_gaps else None
            for kind, partial in self.partial_paths.items():
                self._files[kind] = rasterio.open(partial, "w", **self._profile(kind))
                points, system = self._photo.georeference.ground_points
                if points:
                    self._files[kind].gcps = (points, system or rasterio.crs.CRS())

    @contextlib.contextmanager
    def _gdal(self) -> Iterator[Any]:
        """GDAL, whose errors are the system's here.

        Raises:
            OSError: It failed; of a full disk where there is no room, since GDAL does not tell.
        """
        with gdal() as rasterio:
            try:
                yield rasterio
            except rasterio.errors.RasterioError as error:
                reason = " ".join(str(error).split())
                folder = next(iter(self.partial_paths.values())).parent
                if shutil.disk_usage(folder).free < CACHE_MB << 20:
                    raise OSError(errno.ENOSPC, f"{reason} Little room is left on the disk", str(folder)) from error
                raise OSError(reason) from error

    def _profile(self, kind: str) -> dict[str, Any]:
        place = self._photo.georeference
        profile: dict[str, Any] = {
            "driver": "GTiff",
            "dtype": "uint8",
            "height": self._photo.height,
            "width": self._photo.width,
            "crs": place.crs,
            "transform": place.transform,
            "compress": "deflate",
            "blockysize": _ROWS_PER_STRIP,
            "bigtiff": "IF_SAFER",
        }
        if kind != COLOUR:
            return profile | {"count": 1} | ({"nodata": IGNORE_INDEX} if self._photo.has_gaps else {})
        profile |= {"count": 3, "photometric": "RGB", "interleave": "pixel"}
        return profile | ({"count": 4, "alpha": "YES"} if self._photo.has_gaps else {})

    def _take(self, top: int, classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        with self._gdal() as rasterio:
            window = rasterio.windows.Window(0, top, classes.shape[1], len(classes))
            valid = None if self._gaps is None else self._gaps.dataset_mask(window=window)
            if valid is not None:
                classes = np.where(valid > 0, classes, np.uint8(IGNORE_INDEX))
            for kind, file in self._files.items():
                file.write(self._coloured(classes, valid) if kind == COLOUR else classes[None], window=window)
        return classes

    def _coloured(self, classes: NDArray[np.uint8], valid: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
        """(3 or 4, rows, W)."""
        table = np.zeros((IGNORE_INDEX + 1, 3), dtype=np.uint8)
        table[: len(self.colours)] = self.colours
        bands = table[classes].transpose(2, 0, 1)
        return bands if valid is None else np.concatenate([bands, valid[None]])

    def _complete(self) -> None:
        self._release()
        # What GDAL can't write when it closes a file, it does not tell.
        with self._gdal() as rasterio:
            for partial in self.partial_paths.values():
                with rasterio.open(partial, driver="GTiff") as file:
                    for top in range(0, file.height, ROWS_AT_ONCE):
                        rows = min(ROWS_AT_ONCE, file.height - top)
                        file.read(window=rasterio.windows.Window(0, top, file.width, rows))

    def _release(self) -> None:
        with self._gdal():
            for file in (*self._files.values(), *([] if self._gaps is None else [self._gaps])):
                file.close()
