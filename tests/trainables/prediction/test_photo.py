import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.trainables.prediction.photos import pixels, write_photo
from trainables.data.dataset import UnreadableImageError
from trainables.prediction.photo import open_photo
from trainables.prediction.photo_files import PhotoFile


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_photos_come_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = write_photo(tmp_path / f"photo{suffix}", pixels(24, 40), exif=exif)
    with Image.open(path) as image:
        shown = np.asarray(ImageOps.exif_transpose(image))
    photo = open_photo(PhotoFile(path, path.name), (1.0,))
    assert (photo.height, photo.width) == shown.shape[:2] == ((24, 40) if orientation < 5 else (40, 24))
    np.testing.assert_array_equal(photo.rows(1.0)[0:100], shown)


def test_it_is_there_at_every_scale(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "photo.png", pixels(24, 40))
    photo = open_photo(PhotoFile(path, path.name), (0.5, 2.0))
    assert [photo.rows(scale)[0:100].shape[:2] for scale in (0.5, 2.0)] == [(12, 20), (48, 80)]
    assert (photo.height, photo.width) == (24, 40)


def test_a_georeference_is_not_lost_for_want_of_rasterio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def without_rasterio(name: str, *rest: Any) -> Any:
        return None if name == "rasterio" else found(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", without_rasterio)
    plain = write_photo(tmp_path / "plain.tif", pixels(24, 40))
    assert open_photo(PhotoFile(plain, plain.name), (1.0,)).width == 40
    placed = write_photo(tmp_path / "placed.tif", pixels(24, 40), tiffinfo={33550: (0.5, 0.5, 0.0)})
    with pytest.raises(UnreadableImageError, match=r"placed\.tif: .*georeference.*geotiff"):
        open_photo(PhotoFile(placed, placed.name), (1.0,))
