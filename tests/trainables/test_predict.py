"""The command from first to last, on a network of two convolutions."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from spaces.errors import InputError
from tests.trainables.prediction.photos import PlaceReader, areas, mask, pixels, predict, write_network, write_photo
from tests.trainables.small_model import SmallModel
from tests.trainables.small_trial import CLASSES
from trainables.models import registry

pytestmark = pytest.mark.usefixtures("small_model")


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return write_network(tmp_path / "best.pt")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def place_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._registered, "small", PlaceReader)


def test_masks_areas_and_structure(tmp_path: Path, network: Path, output: Path, capsys: Any) -> None:
    write_photo(tmp_path / "photos" / "a" / "1.png", pixels(70, 90))
    write_photo(tmp_path / "photos" / "b" / "2.jpg", pixels(20, 40, seed=1))
    words = ("--checkpoint", network, "--output", output, "--masks", "colour,index", "--recursive")
    assert predict(*words, tmp_path / "photos") == 0
    index, colour = mask(output / "index" / "a" / "1.png"), mask(output / "colour" / "a" / "1.png")
    assert index.shape == (70, 90)
    np.testing.assert_array_equal(colour, np.array(CLASSES.colours, dtype=np.uint8)[index])
    assert mask(output / "index" / "b" / "2.png").shape == (20, 40)
    rows = [row for row in areas(output) if row["photo"] == "a/1.png"]
    assert [row["class_name"] for row in rows] == list(CLASSES.names)
    assert [int(row["pixels"]) for row in rows] == np.bincount(index.ravel(), minlength=4).tolist()
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1, abs=1e-5)
    assert {row["square_metres"] for row in rows} == {""}
    assert not list(output.rglob("*.partial"))
    assert "predicted: 2; failed: 0" in capsys.readouterr().out


def test_the_mask_of_a_turned_photo_is_turned(tmp_path: Path, network: Path, output: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = pixels(50, 80)
    write_photo(tmp_path / "turned.png", stored, exif=exif)
    write_photo(tmp_path / "upright.png", np.ascontiguousarray(np.rot90(stored, -1)))
    words = ("--checkpoint", network, "--output", output, "--masks", "index")
    assert predict(*words, tmp_path / "turned.png", tmp_path / "upright.png") == 0
    turned, upright = (mask(output / "index" / f"{name}.png") for name in ("turned", "upright"))
    assert turned.shape == (80, 50)
    np.testing.assert_array_equal(turned, upright)


@pytest.mark.usefixtures("place_reader")
@pytest.mark.parametrize("image_scale", [1.0, 0.5])
def test_seams_are_invisible(tmp_path: Path, output: Path, image_scale: float) -> None:
    """Overlapping halves, their windows on the grid of the whole, are predicted as the whole is."""
    network = write_network(tmp_path / "best.pt", image_scale=image_scale)
    # Windows of 32 px begin every 24 px of what the network sees.
    pixel = round(1 / image_scale)
    step, side = 24 * pixel, 32 * pixel
    whole = pixels(8 * step, 12 * step)
    parts = {
        "left": (slice(None), slice(0, 7 * step)),
        "right": (slice(None), slice(5 * step, None)),
        "upper": (slice(0, 5 * step), slice(None)),
        "lower": (slice(3 * step, None), slice(None)),
    }
    write_photo(tmp_path / "photos" / "whole.png", whole)
    for name, part in parts.items():
        write_photo(tmp_path / "photos" / f"{name}.png", np.ascontiguousarray(whole[part]))
    assert predict("--checkpoint", network, "--output", output, "--masks", "index", tmp_path / "photos") == 0
    of_whole = mask(output / "index" / "whole.png")
    assert len(np.unique(of_whole)) > 2
    for name, part in parts.items():
        inner = (slice(side, -side), slice(side, -side))
        agreement = (mask(output / "index" / f"{name}.png")[inner] == of_whole[part][inner]).mean()
        assert agreement >= 0.999, name


@pytest.mark.usefixtures("place_reader")
def test_blending_hides_what_windows_disagree_about(tmp_path: Path, network: Path, output: Path) -> None:
    """On an even photo, whatever changes at a window's border is a seam."""
    write_photo(tmp_path / "even.png", np.full((320, 320, 3), 118, np.uint8))
    seams = {}
    for overlap in (0, 0.5):
        words = ("--checkpoint", network, "--output", output, "--masks", "index", "--overlap", overlap)
        assert predict(*words, tmp_path / "even.png") == 0
        found = mask(output / "index" / "even.png")
        seams[overlap] = (found[:, 1:] != found[:, :-1]).sum() + (found[1:] != found[:-1]).sum()
    assert seams[0.5] < 0.5 * seams[0]


def test_one_bad_photo_does_not_lose_the_others(tmp_path: Path, network: Path, output: Path, capsys: Any) -> None:
    for seed in range(3):
        write_photo(tmp_path / "photos" / f"{seed}.png", pixels(40, 40, seed))
    whole = (tmp_path / "photos" / "0.png").read_bytes()
    bad = {"1.png": b"no image", "empty.jpg": b"", "torn.png": whole[: len(whole) // 2], "torn.tif": b"II*\0"}
    for name, content in bad.items():
        (tmp_path / "photos" / name).write_bytes(content)
    assert predict("--checkpoint", network, "--output", output, tmp_path / "photos") == 1
    assert sorted(path.name for path in (output / "colour").iterdir()) == ["0.png", "2.png"]
    said = capsys.readouterr()
    assert "1.png: not an image" in said.err
    assert {line.split(": ")[1].replace("\\", "/").rpartition("/")[2] for line in said.err.splitlines()} == set(bad)
    assert "predicted: 2; failed: 4" in said.out
    assert {row["photo"] for row in areas(output)} == {"0.png", "2.png"}


def test_a_photo_that_a_network_can_not_predict_does_not_lose_the_others(
    tmp_path: Path, network: Path, output: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    class Overflowing(SmallModel):
        def probabilities(self, images: torch.Tensor) -> torch.Tensor:
            """Infinite for a white photo."""
            return super().probabilities(images) / (images.amin((1, 2, 3)) < 1.5).float()[:, None, None, None]

    monkeypatch.setitem(registry._registered, "small", Overflowing)
    for number in range(5):
        values = np.full((40, 40, 3), 255, np.uint8) if number == 2 else pixels(40, 40, number)
        write_photo(tmp_path / "photos" / f"{number}.png", values)
    assert predict("--checkpoint", network, "--output", output, tmp_path / "photos") == 1
    assert sorted(path.name for path in (output / "colour").iterdir()) == ["0.png", "1.png", "3.png", "4.png"]
    assert "2.png: a network predicts NaN" in capsys.readouterr().err


def test_masks_of_a_geotiff_lie_where_it_lies(tmp_path: Path, network: Path, output: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    photo = pixels(70, 90)
    transform = rasterio.transform.from_origin(600000, 9200000, 0.5, 0.5)
    profile = {"driver": "GTiff", "dtype": "uint8", "width": 90, "height": 70, "crs": "EPSG:32748"}
    with rasterio.open(tmp_path / "photo.tif", "w", count=3, transform=transform, **profile) as file:
        file.write(photo.transpose(2, 0, 1))
    with rasterio.open(tmp_path / "gaps.tif", "w", count=3, transform=transform, nodata=0, **profile) as file:
        file.write(np.where(np.arange(90) < 30, 0, np.maximum(photo.transpose(2, 0, 1), 1)))
    write_photo(tmp_path / "same.png", photo)
    words = ("--checkpoint", network, "--output", output, "--masks", "colour,index")
    assert predict(*words, *(tmp_path / name for name in ("photo.tif", "gaps.tif", "same.png"))) == 0
    with rasterio.open(output / "index" / "photo.tif") as file:
        assert (file.crs, file.transform, file.nodata) == ("EPSG:32748", transform, None)
        index = file.read(1)
    np.testing.assert_array_equal(index, mask(output / "index" / "same.png"))
    with rasterio.open(output / "colour" / "photo.tif") as file:
        assert (file.crs, file.transform, file.count) == ("EPSG:32748", transform, 3)
        np.testing.assert_array_equal(file.read().transpose(1, 2, 0), mask(output / "colour" / "same.png"))
    with rasterio.open(output / "index" / "gaps.tif") as file:
        assert file.nodata == 255
        assert (file.read(1) == 255).sum() == 30 * 70
    with rasterio.open(output / "colour" / "gaps.tif") as file:
        np.testing.assert_array_equal(file.read(4)[0], np.where(np.arange(90) < 30, 0, 255))
    rows = areas(output)
    pixels_of = {
        name: sum(int(row["pixels"]) for row in rows if row["photo"] == name) for name in ("photo.tif", "gaps.tif")
    }
    assert pixels_of == {"photo.tif": 70 * 90, "gaps.tif": 70 * 60}
    for row in rows:
        if row["photo"] != "same.png":
            assert float(row["square_metres"]) == pytest.approx(int(row["pixels"]) / 4, abs=0.01)


def test_several_networks_decide_together(tmp_path: Path, output: Path) -> None:
    """Members may see the photo at different scales and through different windows."""
    photo = write_photo(tmp_path / "photo.png", pixels(100, 90))
    first, second = write_network(tmp_path / "1.pt"), write_network(tmp_path / "2.pt", seed=5, image_scale=0.5)
    found = {}
    for name, networks in (("1", [first]), ("2", [second]), ("both", [first, second]), ("twice", [first, first])):
        chosen = [word for network in networks for word in ("--checkpoint", network)]
        assert predict(*chosen, "--output", output / name, "--masks", "index", photo) == 0
        found[name] = mask(output / name / "index" / "photo.png")
    assert (found["1"] != found["2"]).any()
    np.testing.assert_array_equal(found["twice"], found["1"])
    assert (found["both"] != found["1"]).any()
    either = (found["both"] == found["1"]) | (found["both"] == found["2"])
    assert either.mean() > 0.9
    agreed = found["1"] == found["2"]
    assert (found["both"] == found["1"])[agreed].mean() > 0.99


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--overlap", 0.9), "from 0 to 0.75"),
        (("--masks", "red"), "colour, index"),
        (("--runtime", "openvino"), "trainables.export"),
        (("--precision", "int8"), "float32, bfloat16"),
        (("--device", "tpu"), "cpu, cuda"),
        (("--summary", "a/b.csv"), "--output"),
        (("--summary", ""), "ends in .csv"),
        (("--summary", "predictions.jsonl"), "ends in .csv"),
        (("--checkpoint", "missing.pt"), "does not exist"),
        (("--checkpoint", "photo.png"), "neither .pt"),
        (("nothing.jpg",), "no such file"),
    ],
)
def test_bad_options_are_one_line(
    tmp_path: Path, network: Path, words: tuple[object, ...], hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_photo(tmp_path / "photo.png", pixels(40, 40))
    with pytest.raises(InputError, match=hint) as raised:
        predict("--checkpoint", network, "photo.png", *words)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "predictions").exists()


def test_networks_of_other_classes_are_no_ensemble(tmp_path: Path, network: Path, output: Path) -> None:
    other = write_network(tmp_path / "other.pt", names=("ground", "Snake Fruit", "road"))
    write_photo(tmp_path / "photo.png", pixels(40, 40))
    with pytest.raises(InputError, match="classes"):
        predict("--checkpoint", network, "--checkpoint", other, "--output", output, tmp_path / "photo.png")
