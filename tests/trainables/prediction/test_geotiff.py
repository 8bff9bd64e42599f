from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trainables.prediction.photos import pixels
from trainables.data.dataset import UnreadableImageError
from trainables.data.sampling import resize_image
from trainables.prediction import geotiff
from trainables.prediction.geotiff import Georeference, RasterPhoto, open_raster
from trainables.prediction.photo_files import PhotoFile

rasterio = pytest.importorskip("rasterio")
pytestmark = pytest.mark.filterwarnings("ignore:Dataset has no geotransform")

UTM = "EPSG:32748"


def write(path: Path, values: np.ndarray, *, placed: bool = True, crs: str = UTM, **profile: Any) -> PhotoFile:
    """Write (H, W, bands) as GeoTIFF of 5 cm a pixel."""
    height, width, bands = values.shape
    place = {"crs": crs, "transform": rasterio.transform.from_origin(600000, 9200000, 0.05, 0.05)} if placed else {}
    options = {"driver": "GTiff", "dtype": values.dtype, "count": bands, "height": height, "width": width}
    with rasterio.open(path, "w", **options, **place, **profile) as file:
        file.write(values.transpose(2, 0, 1))
    return PhotoFile(path, path.name)


def opened(file: PhotoFile) -> RasterPhoto:
    photo = open_raster(file)
    assert photo is not None
    return photo


def read(photo: RasterPhoto, image_scale: float = 1.0, step: int = 24) -> np.ndarray:
    rows = photo.rows(image_scale)
    height = round(photo.height * image_scale)
    parts = [rows[top : top + step] for top in range(0, height, step)]
    photo.close()
    return np.concatenate(parts)


@pytest.mark.parametrize("profile", [{}, {"tiled": True, "blockxsize": 16, "blockysize": 16}, {"blockysize": 7}])
def test_strips_make_the_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: dict[str, Any]) -> None:
    monkeypatch.setattr(geotiff, "ROWS_AT_ONCE", 20)
    photo = pixels(100, 60)
    file = write(tmp_path / "photo.tif", photo, **profile)
    np.testing.assert_array_equal(read(opened(file)), photo)
    scaled = read(opened(file), 0.5)
    assert np.abs(scaled.astype(int) - resize_image(photo, 50, 30)).max() <= 1


def test_rows_that_overlap_are_read_once_and_come_again(tmp_path: Path) -> None:
    photo = pixels(100, 60)
    rows = opened(write(tmp_path / "photo.tif", photo)).rows(1.0)
    for top in (0, 24, 48, 68):
        np.testing.assert_array_equal(rows[top : top + 32], photo[top : top + 32])


def test_bands(tmp_path: Path) -> None:
    photo = pixels(20, 30)
    wide = photo.astype(np.uint16) << 8 | 17
    np.testing.assert_array_equal(read(opened(write(tmp_path / "wide.tif", wide))), photo)
    grey = read(opened(write(tmp_path / "grey.tif", photo[:, :, :1])))
    np.testing.assert_array_equal(grey, np.repeat(photo[:, :, :1], 3, axis=2))
    with pytest.raises(UnreadableImageError, match="float32"):
        open_raster(write(tmp_path / "heights.tif", photo.astype(np.float32)))


def test_colours_are_found_by_what_bands_say_they_are(tmp_path: Path) -> None:
    """Multispectral cameras often begin with blue."""
    meanings = [getattr(rasterio.enums.ColorInterp, name) for name in ("blue", "green", "red", "undefined")]
    photo = pixels(20, 30)
    values = np.concatenate([photo[:, :, ::-1], photo[:, :, :1]], axis=2)
    file = write(tmp_path / "photo.tif", values, photometric="MINISBLACK")
    with rasterio.open(file.path, "r+") as dataset:
        dataset.colorinterp = meanings
    np.testing.assert_array_equal(read(opened(file)), photo)


@pytest.mark.parametrize(
    ("crs", "square"),
    [(UTM, 0.0025), ("EPSG:4326", None), ("EPSG:3857", None), ("EPSG:3395", None), ("EPSG:4087", None)],
)
def test_square_metres_where_metres_are_those_of_the_ground(tmp_path: Path, crs: str, square: float | None) -> None:
    place = opened(write(tmp_path / "photo.tif", pixels(20, 30), crs=crs)).georeference
    assert isinstance(place, Georeference)
    assert place.square_metres_per_pixel == (None if square is None else pytest.approx(square))


def test_only_georeferenced_or_large_files_are_read_by_strips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "photo.tif", pixels(20, 30), placed=False)
    assert open_raster(file) is None
    monkeypatch.setattr(geotiff, "LARGE_PIXELS", 599)
    assert opened(file).georeference.crs is None


def test_damage_is_told_and_rows_go_on(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 60, 3), dtype=np.uint8)
    file = write(tmp_path / "photo.tif", noise, compress="deflate", blockysize=64)
    content = file.path.read_bytes()
    middle = len(content) // 2
    file.path.write_bytes(content[:middle] + bytes(2000) + content[middle + 2000 :])
    photo = opened(file)
    assert read(photo).shape == (600, 60, 3)
    assert photo.failure is not None
    assert "photo.tif: damaged" in photo.failure
