import errno
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from trainables.prediction.geotiff import RasterPhoto, open_raster
from trainables.prediction.geotiff_masks import RasterMasks
from trainables.prediction.photo_files import PhotoFile

rasterio = pytest.importorskip("rasterio")
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

COLOURS = np.array([[0, 0, 0], [255, 0, 0]], np.uint8)
HEIGHT, WIDTH = 30, 40


def placed(path: Path, transform: Any, crs: str | None = "EPSG:32748", **profile: Any) -> RasterPhoto:
    values = np.random.default_rng(0).integers(1, 256, (3, HEIGHT, WIDTH), dtype=np.uint8)
    shape = {"height": HEIGHT, "width": WIDTH, "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", driver="GTiff", transform=transform, crs=crs, **shape, **profile) as file:
        file.write(values)
    return opened(path)


def opened(path: Path) -> RasterPhoto:
    photo = open_raster(PhotoFile(path, path.name))
    assert photo is not None
    return photo


def paths(folder: Path) -> dict[str, Path]:
    return {kind: folder / kind / "photo.tif" for kind in ("colour", "index")}


@pytest.fixture
def photo(tmp_path: Path) -> Iterator[RasterPhoto]:
    result = placed(tmp_path / "photo.tif", rasterio.transform.from_origin(600000, 9200000, 0.5, 0.5))
    yield result
    result.close()


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.tif*"))


@pytest.mark.parametrize("crs", ["EPSG:32748", None, 'LOCAL_CS["Local",UNIT["metre",1]]'])
def test_masks_lie_where_a_turned_photo_lies(tmp_path: Path, crs: str | None) -> None:
    turned = rasterio.Affine(0.4, 0.3, 600000, 0.3, -0.4, 9200000)
    masks = RasterMasks(placed(tmp_path / "photo.tif", turned, crs), paths(tmp_path), COLOURS)
    masks.add(0, np.ones((HEIGHT, WIDTH), np.uint8))
    complete = masks.finish()
    assert complete.pixels == (0, HEIGHT * WIDTH)
    assert complete.square_metres_per_pixel == (pytest.approx(0.25) if crs == "EPSG:32748" else None)
    for path in paths(tmp_path).values():
        with rasterio.open(tmp_path / "photo.tif") as original, rasterio.open(path) as mask:
            assert (mask.crs, mask.transform) == (original.crs, original.transform)
    # Nothing beside them, such as GDAL's .aux.xml.
    assert left(tmp_path) == ["photo.tif"] * 3


def test_ground_points_without_a_reference_system_are_kept(tmp_path: Path) -> None:
    corners = [(0.0, 0.0, 1.0, 2.0), (40.0, 0.0, 3.0, 2.0), (0.0, 30.0, 1.0, 5.0), (40.0, 30.0, 3.0, 5.0)]
    ties = tuple(value for column, row, x, y in corners for value in (column, row, 0.0, x, y, 0.0))
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "photo.tif", tiffinfo={33922: ties})
    masks = RasterMasks(opened(tmp_path / "photo.tif"), paths(tmp_path), COLOURS)
    masks.add(0, np.zeros((HEIGHT, WIDTH), np.uint8))
    masks.finish()
    for path in paths(tmp_path).values():
        with rasterio.open(path) as mask:
            points, _ = mask.gcps
            assert [(point.col, point.row, point.x, point.y) for point in points] == corners


def test_what_gdal_could_not_write_when_it_closed_is_no_complete_mask(
    tmp_path: Path, photo: RasterPhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps rows until then, and says nothing."""
    release = RasterMasks._release

    def released_and_cut(self: RasterMasks) -> None:
        release(self)
        partial = self.partial_paths["index"]
        partial.write_bytes(partial.read_bytes()[:-300])

    masks = RasterMasks(photo, paths(tmp_path), COLOURS)
    masks.add(0, np.random.default_rng(0).integers(0, 2, (HEIGHT, WIDTH), dtype=np.uint8))
    monkeypatch.setattr(RasterMasks, "_release", released_and_cut)
    with pytest.raises(OSError, match="Read failed"):
        masks.finish()
    masks.abandon()
    assert left(tmp_path) == ["photo.tif"]


def test_masks_that_can_not_be_begun_leave_nothing_behind(
    tmp_path: Path, photo: RasterPhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index" / "photo.tif.partial").mkdir(parents=True)
    with pytest.raises(OSError, match=r"photo\.tif\.partial") as caught:
        RasterMasks(photo, paths(tmp_path), COLOURS)
    assert caught.value.errno is None
    assert not (tmp_path / "colour" / "photo.tif.partial").exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(OSError, match=r"photo\.tif\.partial") as caught:
        RasterMasks(photo, paths(tmp_path), COLOURS)
    assert caught.value.errno == errno.ENOSPC
