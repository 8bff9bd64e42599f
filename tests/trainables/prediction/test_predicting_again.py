"""The command given again, on a network of two convolutions: what goes on, and what is not replaced."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spaces.errors import InputError
from tests.trainables.prediction.photos import areas, mask, pixels, predict, write_network, write_photo
from trainables.prediction.masks import PhotoMasks

pytestmark = pytest.mark.usefixtures("small_model")


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return write_network(tmp_path / "best.pt")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_what_is_complete_is_skipped(tmp_path: Path, network: Path, output: Path, capsys: Any) -> None:
    for name in ("a", "b"):
        write_photo(tmp_path / "photos" / f"{name}.png", pixels(40, 40))
    words = ("--checkpoint", network, "--output", output, tmp_path / "photos")

    def complete(*more: object) -> int:
        capsys.readouterr()
        assert predict(*words, *more) == 0
        said = capsys.readouterr().out
        return int(said.split("complete already: ")[1].split()[0]) if "complete already" in said else 0

    assert [complete(), complete()] == [0, 2]
    assert complete("--force") == 0
    (output / "colour" / "a.png").write_bytes(b"torn")
    assert complete() == 1
    write_photo(tmp_path / "photos" / "b.png", pixels(40, 48))
    assert complete() == 1
    assert mask(output / "colour" / "b.png").shape[:2] == (40, 48)
    assert complete("--overlap", 0.5) == 0
    assert complete("--masks", "index", "--overlap", 0.5) == 0
    write_network(network, seed=7)
    assert complete() == 0
    assert {row["photo"] for row in areas(output)} == {"a.png", "b.png"}


def test_masks_of_other_photos_are_not_replaced(tmp_path: Path, network: Path, output: Path) -> None:
    """Cameras begin to number anew: two folders have photos of the same names."""
    for seed, flight in enumerate("ab"):
        write_photo(tmp_path / flight / "DJI_1.png", pixels(40, 40, seed))
    words = ("--checkpoint", network, "--output", output)
    assert predict(*words, tmp_path / "a") == 0
    before = mask(output / "colour" / "DJI_1.png")
    with pytest.raises(InputError, match=r"DJI_1\.png in it is the mask of .*a.DJI_1\.png; right is another --output"):
        predict(*words, tmp_path / "b")
    np.testing.assert_array_equal(mask(output / "colour" / "DJI_1.png"), before)
    # The same photos somewhere else are not others.
    (tmp_path / "a").rename(tmp_path / "moved")
    assert predict(*words, tmp_path / "moved") == 0
    Image.fromarray(pixels(40, 40, 5)).save(tmp_path / "b" / "DJI_1.jpg")
    with pytest.raises(InputError, match="--force to replace"):
        predict(*words, tmp_path / "b" / "DJI_1.jpg")
    assert predict(*words, "--force", tmp_path / "b" / "DJI_1.jpg") == 0
    assert {row["photo"] for row in areas(output)} == {"DJI_1.jpg"}


def test_kinds_of_masks_are_completed_one_by_one(tmp_path: Path, network: Path, output: Path, capsys: Any) -> None:
    write_photo(tmp_path / "photo.png", pixels(40, 40))
    words = ("--checkpoint", network, "--output", output, tmp_path / "photo.png", "--masks")
    for kind in ("colour", "index", "colour,index"):
        capsys.readouterr()
        assert predict(*words, kind) == 0
    assert "complete already: 1" in capsys.readouterr().out
    (output / "colour" / "photo.png").unlink()
    assert predict(*words, "index") == 0
    assert "complete already: 1" in capsys.readouterr().out
    assert {row["photo"] for row in areas(output)} == {"photo.png"}


def test_a_photo_that_changes_while_it_is_predicted_is_predicted_again(
    tmp_path: Path, network: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = write_photo(tmp_path / "photo.png", pixels(40, 40))
    finish = PhotoMasks.finish

    def changed_meanwhile(self: PhotoMasks) -> Any:
        write_photo(photo, pixels(40, 40, seed=9))
        return finish(self)

    words = ("--checkpoint", network, "--output", output, photo)
    monkeypatch.setattr(PhotoMasks, "finish", changed_meanwhile)
    assert predict(*words) == 0
    of_first = mask(output / "colour" / "photo.png")
    monkeypatch.setattr(PhotoMasks, "finish", finish)
    assert predict(*words) == 0
    assert (mask(output / "colour" / "photo.png") != of_first).any()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_a_photo_that_is_gone_and_a_record_that_says_little_lose_nothing(
    tmp_path: Path, network: Path, output: Path, capsys: Any
) -> None:
    for name in ("a", "b"):
        write_photo(tmp_path / "photos" / f"{name}.png", pixels(40, 40))
    words = ("--checkpoint", network, "--output", output, tmp_path / "photos")
    assert predict(*words) == 0
    (output / "predictions.jsonl").write_text('{"event": "photo", "photo": "a.png"}\n', encoding="utf-8")
    assert predict(*words) == 0
    assert "predicted: 2" in capsys.readouterr().out.splitlines()[-1]
    (tmp_path / "photos" / "a.png").unlink()
    (tmp_path / "photos" / "a.png").symlink_to("nowhere")
    assert predict(*words) == 1
    said = capsys.readouterr()
    assert "a.png: No such file" in said.err
    assert "complete already: 1" in said.out


def test_an_interrupted_call_leaves_nothing_half_written_and_goes_on(
    tmp_path: Path, network: Path, output: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    for number in range(4):
        write_photo(tmp_path / "photos" / f"{number}.png", pixels(40, 400, number))
    words = ("--checkpoint", network, "--output", output, "--batch", 4, tmp_path / "photos")
    finish, done = PhotoMasks.finish, []

    def interrupted(self: PhotoMasks) -> Any:
        done.append(self)
        if len(done) == 2:
            raise KeyboardInterrupt
        return finish(self)

    monkeypatch.setattr(PhotoMasks, "finish", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predict(*words)
    assert not list(output.rglob("*.partial"))
    kept = len(list((output / "colour").iterdir()))
    assert 0 < kept < 4
    assert len({row["photo"] for row in areas(output)}) == kept
    monkeypatch.setattr(PhotoMasks, "finish", finish)
    capsys.readouterr()
    assert predict(*words) == 0
    assert f"complete already: {kept}" in capsys.readouterr().out
    assert len(list((output / "colour").iterdir())) == 4
