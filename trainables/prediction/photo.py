"""Opening photos: whole, upright and at the scales wanted, or as files that are read little by little."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainables.data.dataset import UnreadableImageError
from trainables.data.image_files import decode_image, read_bytes
from trainables.data.sampling import resize_image, scaled_size
from trainables.evaluation.windows import PixelRows
from trainables.prediction.photo_files import PhotoFile

_GEOREFERENCE_TAGS = frozenset({33550, 33922, 34264, 34735})
"""Pixel scale, tie points, transformation and key directory of GeoTIFF."""

NEEDS_RASTERIO = 'needs rasterio; right is pip install -e ".[geotiff]" first'


class Photo(ABC):
    """A photo that is open.

    Attributes:
        file: Where it is.
        height: As it is shown, px.
        width: As it is shown, px.
        failure: Why its rows could not be read to the end, or None.
    """

    def __init__(self, file: PhotoFile, height: int, width: int) -> None:
        self.file = file
        self.height = height
        self.width = width
        self.failure: str | None = None

    @abstractmethod
    def rows(self, image_scale: float) -> PixelRows:
        """Its rows at one of the scales that it was opened for, from the first one on."""

    def close(self) -> None:
        """Give back what is held."""
        return


class WholePhoto(Photo):
    """A photo in memory."""

    def __init__(self, file: PhotoFile, pixels: NDArray[np.uint8], scales: Collection[float]) -> None:
        height, width = pixels.shape[:2]
        super().__init__(file, height, width)
        self._at_scale = {
            scale: pixels if scale == 1.0 else resize_image(pixels, *scaled_size(height, width, scale))
            for scale in scales
        }

    def rows(self, image_scale: float) -> PixelRows:
        """The whole of it."""
        return self._at_scale[image_scale]


def open_photo(file: PhotoFile, scales: Sequence[float]) -> Photo:
    """Open a photo for networks of some scales.

    A TIFF that has a georeference or is large is read by rasterio, strip by strip. All others are decoded here and
    turned as their orientation says; a georeference counts more than an orientation, since it speaks of the pixels as
    they are stored.

    Raises:
        UnreadableImageError: It can't be read, or not with what is installed.
    """
    if file.is_tiff:
        from trainables.prediction.geotiff import open_raster, rasterio_is_there

        if rasterio_is_there():
            raster = open_raster(file)
            if raster is not None:
                return raster
        elif has_georeference(file.path):
            raise UnreadableImageError(f"{file.path}: a TIFF with a georeference {NEEDS_RASTERIO}")
    return WholePhoto(file, decode_image(read_bytes(file.path), file.path, upright=True), scales)


def has_georeference(path: Path) -> bool:
    """Whether a TIFF says where it lies; False for what is none, which decoding tells."""
    try:
        with Image.open(path) as image:
            return not _GEOREFERENCE_TAGS.isdisjoint(getattr(image, "tag_v2", ()))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False
