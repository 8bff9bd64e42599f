import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spaces.command_line import run_command
from tests.trainables.data.folder_builder import (
    HEIGHT,
    WIDTH,
    colour_mask,
    make_folder,
    save,
    some_labels,
    three_photos,
)
from trainables.data.__main__ import main


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGPARETO_CACHE", str(tmp_path / "cache"))


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        run_command(main, [str(word) for word in words])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def assert_bad_input(capsys: pytest.CaptureFixture[str], expected: str, *words: object) -> None:
    assert run(*words) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("error: ")
    assert expected in error


def test_check_of_a_sound_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_folder(tmp_path / "data", {"flight": {f"photo{number}_patch_000_000": True for number in range(12)}})
    assert run("check", root) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{root}: 12 images (12 labelled) of 12 photos in 1 capture, 4 classes"
    assert any(line.split()[:4] == ["flight", "12", "12", "12"] for line in lines)
    assert "split by photo, 0 unlabelled images to use; class shares by part:" in lines
    assert lines[-1] == "no problem found"


def test_check_lists_every_problem_and_says_whether_it_matters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_folder(tmp_path / "data", {"one": {"a": True, "b": True, "c": True, "d": True, "e": False}})
    strange = colour_mask(some_labels(1))
    strange[0, 0] = (9, 8, 7)
    save(root / "one" / "masks" / "a.png", strange)
    save(root / "one" / "masks" / "orphan.png", strange)
    (root / "one" / "images" / "e.png").write_bytes(b"broken")
    assert run("check", root) == 0
    out = capsys.readouterr().out
    for expected in (
        "warning: unknown colours (1)",
        "of the labelled pixels are of no class and ignored: 9 8 7; in 1 of 4 masks, most in one/a (2.08%)",
        "one/masks/orphan.png: there is no image orphan",
        "one/images/e.png: not an image, or a damaged one (6 bytes)",
        "one: 1 of 5 images have no mask, or are not listed, and count as unlabelled; the first: one/e",
    ):
        assert expected in out
    assert run("check", root, "--labelled-only") == 0
    assert "e.png" not in capsys.readouterr().out

    save(root / "one" / "masks" / "b.png", some_labels(0, HEIGHT, WIDTH - 1))
    (root / "one" / "images" / "c.png").write_bytes(b"")
    save(root / "one" / "images" / "d.jpg", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    assert run("check", root) == 2
    captured = capsys.readouterr()
    assert captured.err == f"error: {root}: can't be used until 3 errors are corrected; they are listed above\n"
    for expected in (
        "one/masks/b.png: 7 x 6 pixels, but its image has 8 x 6",
        "one/images/c.png: not an image, or a damaged one (0 bytes)",
        "one/images: d.jpg and d.png differ in the extension only",
        "most in one/a (2.08%)",
    ):
        assert expected in captured.out


def test_check_names_a_class_that_a_part_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = three_photos(tmp_path / "data")
    for stem in ("a", "b"):
        save(root / "flight" / "masks" / f"{stem}.png", np.zeros((HEIGHT, WIDTH), np.uint8) + 2)
    assert run("check", root, "--split-by", "photo", "--seed", "4") == 0
    out = capsys.readouterr().out
    assert "Snake Fruit: not in the validation part of the split by photo" in out
    assert "Snake Fruit: not in the test part of the split by photo" in out
    assert "Snake Fruit: not in the train part" not in out


def test_check_of_too_few_photos_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_folder(tmp_path / "data", {"one": {"a": True, "b": True}})
    assert run("check", root) == 2
    assert "2 labelled photos; a split into train, validation, test by photo needs at least 3" in (
        capsys.readouterr().out
    )


def test_stats_prints_class_shares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_folder(tmp_path / "data", {"one": {"a": False}, "two": {"a": False, "b": False}})
    save(root / "one" / "masks" / "a.png", np.full((HEIGHT, WIDTH), 3, np.uint8))
    mask = np.full((HEIGHT, WIDTH), 1, np.uint8)
    mask[:3] = 255
    save(root / "two" / "masks" / "b.png", mask)
    assert run("stats", root) == 0
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()[1:]}
    assert rows["all"] == ["all", "2", "0.00", "0.00%", "33.33%", "0.00%", "66.67%", "25.00%"]
    assert rows["one"] == ["one", "1", "0.00", "0.00%", "0.00%", "0.00%", "100.00%", "0.00%"]
    assert rows["two"] == ["two", "1", "0.00", "0.00%", "100.00%", "0.00%", "0.00%", "50.00%"]


def test_patchify_cuts_what_is_read_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    captures = {"one": {"a": True, "b": False}, "two": {"a": True, "c": True}}
    root = make_folder(tmp_path / "data", captures, height=10, width=8)
    out = tmp_path / "patches"
    assert run("patchify", root, out, "--size", "4") == 0
    assert capsys.readouterr().out == f"{out}: 24 patches of 4 photos, 18 of them with a mask\n"
    assert run("check", out) == 0
    assert "24 images (18 labelled) of 4 photos in 2 captures" in capsys.readouterr().out
    image = np.asarray(Image.open(root / "one" / "images" / "a.png"))
    mask = np.asarray(Image.open(root / "one" / "masks" / "a.png"))
    for row, top in enumerate((0, 4, 6)):
        for column, left in enumerate((0, 4)):
            name = f"a_patch_{row:03d}_{column:03d}.png"
            window = (slice(top, top + 4), slice(left, left + 4))
            np.testing.assert_array_equal(Image.open(out / "one" / "images" / name), image[window])
            np.testing.assert_array_equal(Image.open(out / "one" / "masks" / name), mask[window])
    assert not (tmp_path / "patches.partial").exists()


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = three_photos(tmp_path / "data")
    occupied = tmp_path / "occupied"
    occupied.mkdir()
    (occupied / "mine.txt").write_text("precious", encoding="utf-8")
    assert_bad_input(capsys, "there is no such folder", "check", tmp_path / "nowhere")
    assert_bad_input(capsys, "no images in it", "stats", occupied)
    assert_bad_input(capsys, "there is no such file", "check", root, "--class-mapping", tmp_path / "x.csv")
    assert_bad_input(capsys, "there is no such file", "stats", root, "--labeled-list", tmp_path / "x.txt")
    assert_bad_input(capsys, "invalid choice: 'patch'", "check", root, "--split-by", "patch")
    assert_bad_input(capsys, "the stride must be 1 to the size", "patchify", root, tmp_path / "p", "--stride", "300")
    assert_bad_input(capsys, "the stride must be 1 to the size", "patchify", root, tmp_path / "p", "--size", "0")
    assert_bad_input(capsys, "is there already", "patchify", root, occupied)
    assert_bad_input(capsys, "is there already", "patchify", root, occupied / "mine.txt")
    assert_bad_input(capsys, "can't be written", "patchify", root, occupied / "mine.txt" / "p")
    assert_bad_input(capsys, "outside of the photos", "patchify", root, root / "patches")
    assert_bad_input(capsys, "required", "patchify", root)
    assert (occupied / "mine.txt").read_text(encoding="utf-8") == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "occupied"]


def test_help_answers_at_once_without_heavy_imports() -> None:
    code = (
        "import sys; from trainables.data.__main__ import main\n"
        "for words in (['--help'], ['check', '--help'], ['patchify', '--help'], ['stats', '--help']):\n"
        "    try: main(words)\n"
        "    except SystemExit as end: assert end.code == 0\n"
        "assert not {'torch', 'PIL', 'numpy', 'pandas'} & set(sys.modules), sorted(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_module_runs_as_a_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "trainables.data", "stats", str(tmp_path / "nowhere")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def test_progress_is_plain_lines_when_piped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(0, 10_000, 11))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))
    assert run("stats", three_photos(tmp_path / "data")) == 0
    assert capsys.readouterr().err == "1 of 3 decoded\n2 of 3 decoded\n3 of 3 decoded\n"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs a folder that is not writable")
def test_an_unwritable_place_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = three_photos(tmp_path / "data")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    assert_bad_input(capsys, "can't be written", "patchify", root, closed / "patches")
    shutil.rmtree(closed)
