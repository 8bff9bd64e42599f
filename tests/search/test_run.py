"""What the main command says of a plan, and which input it refuses."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search.run import main
from spaces.command_line import run_command


def test_a_dry_run_prints_the_plan_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--space", "all", "--dry-run", "--trials", "9"]) == 0
    told = capsys.readouterr().out
    for word in ("9 trials each", "rungs at", "saved", "MB of checkpoints", "trials at once", "nothing was started"):
        assert word in told
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_says_how_trials_will_compute(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--space", "unet", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "precision and memory layout: measured for each space" in told
    assert "evaluation: " not in told
    words = ["--precision", "bfloat16", "--eval-overlap", "0.5", "--tta", "--loader-workers", "3"]
    assert main(["--space", "unet", "--dry-run", *words, "--image-cache-gb", "1.5", "--compile"]) == 0
    told = capsys.readouterr().out
    assert (
        "precision and memory layout: bfloat16; measured for each space before its first trial, torch.compile" in told
    )
    assert "windows overlap by 50% of their sides, each image and its mirror images" in told
    assert "3 loader workers each, at most 1.5 GB of decoded images" in told


def make_folder(root: Path, *, masks: bool = True, mapping: str = "name,color\n") -> Path:
    for capture in ("a", "b"):
        (root / capture / "images").mkdir(parents=True)
        (root / capture / "masks").mkdir()
        for number in range(3):
            image = Image.fromarray(np.full((64, 64, 3), 40 * number, np.uint8))
            image.save(root / capture / "images" / f"p{number}.png")
            if masks:
                Image.fromarray(np.full((64, 64), number % 2, np.uint8)).save(
                    root / capture / "masks" / f"p{number}.png"
                )
    (root / "class_mapping.csv").write_text(mapping, encoding="utf-8")
    return root


GOOD_MAPPING = "class_name,class_color\nbackground,0 0 0\ncrop,10 200 10\n"


def bad_data(kind: str, root: Path) -> list[str]:
    """Make a data folder that is wrong in one way; the options that name it."""
    mapping = {
        "no mapping": None,
        "mapping without columns": "name,color\nbackground,0 0 0\n",
        "mapping with a broken colour": "class_name,class_color\nbackground,0 0\ncrop,1 2 3\n",
        "mapping with one class": "class_name,class_color\nbackground,0 0 0\n",
        "mapping with a class twice": "class_name,class_color\nbackground,0 0 0\ncrop,1 2 3\ncrop,4 5 6\n",
        "mapping with a colour twice": "class_name,class_color\nbackground,0 0 0\ncrop,0 0 0\n",
    }.get(kind, GOOD_MAPPING)
    make_folder(root, masks=kind != "no masks", mapping=mapping or "")
    if kind == "no mapping":
        (root / "class_mapping.csv").unlink()
    elif kind == "broken image":
        (root / "a" / "images" / "p0.png").write_bytes(b"not a png")
    elif kind == "broken mask":
        (root / "b" / "masks" / "p1.png").write_bytes(b"\x89PNG\r\n")
    elif kind == "mask of another size":
        Image.fromarray(np.zeros((32, 64), np.uint8)).save(root / "b" / "masks" / "p1.png")
    elif kind == "unknown labelled photo":
        (root / "labeled_files.txt").write_text("p9\n", encoding="utf-8")
    elif kind == "too few photos":
        (root / "labeled_files.txt").write_text("p0\n", encoding="utf-8")
    return ["--data", str(root), "--encoder-weights", "none"]


BAD_DATA = (
    "no mapping",
    "mapping without columns",
    "mapping with a broken colour",
    "mapping with one class",
    "mapping with a class twice",
    "mapping with a colour twice",
    "no masks",
    "broken image",
    "broken mask",
    "mask of another size",
    "unknown labelled photo",
    "too few photos",
)

BAD_OPTIONS: tuple[tuple[str, ...], ...] = (
    (),
    ("--space", "unett"),
    ("--space", "nothere.yaml"),
    ("--space", "unet", "--trials", "0"),
    ("--space", "unet", "--trials", "many"),
    ("--space", "unet", "--seed", "5000000000"),
    ("--space", "unet", "--storage", "foo://bucket"),
    ("--space", "unet", "--storage", "a_file/checkpoints"),
    ("--space", "unet", "--eval-every", "50", "--max-steps", "10"),
    ("--space", "unet", "--grace-steps", "50", "--max-steps", "10"),
    ("--space", "unet", "--preset", "huge"),
    ("--space", "unet", "--scheduler", "hyperband"),
    ("--space", "unet", "--cpus-per-trial", "1000"),
    ("--space", "unet", "--cpus-per-trial", "deeplabv3plus=1"),
    ("--space", "unet", "--cpus-per-trial", "x"),
    ("--space", "unet", "--gpus-per-trial", "99"),
    ("--space", "unet", "--cpus-per-trial", "0"),
    ("--space", "unet", "--precision", "float16"),
    ("--space", "unet", "--precision", "half"),
    ("--space", "unet", "--loader-workers", "-1"),
    ("--space", "unet", "--image-cache-gb", "-1"),
    ("--space", "unet", "--image-cache-gb", "nan"),
    ("--space", "unet", "--eval-overlap", "0.9"),
    ("--space", "unet", "--eval-overlap", "much"),
    ("--space", "unet", "--data", "nowhere"),
    ("--space", "unet", "--class-mapping", "x.csv"),
    ("--space", "unet", "--encoder-weights", "imagnet"),
    ("--space", "unet", "--encoder-weights", "mobilenet_v2=nowhere.pt"),
    ("--space", "unet", "--name", "../up"),
    ("--space", "unet", "--name", "taken"),
    ("--space", "unet", "--tracking-uri", "ftp://example"),
    ("--space", "unet", "--runs", "a_file"),
    ("--space", "unet", "--space", "bad.yaml"),
    ("--resume", "--name", "never-begun"),
    ("--resume", "--trials", "3"),
    ("--resume", "--precision", "float32"),
    ("--resume", "--compile"),
    ("--resume", "--tta"),
    ("--unknown",),
)


def refused(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run the command, which must refuse its input; the one line it says."""
    with pytest.raises(SystemExit) as caught:
        run_command(main, words)
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert "Traceback" not in told
    return told


@pytest.mark.parametrize("words", BAD_OPTIONS, ids=" ".join)
def test_bad_options_are_one_line_and_exit_code_2(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "taken").mkdir(parents=True)
    (tmp_path / "runs" / "taken" / "notes.txt").write_text("somebody's", encoding="utf-8")
    (tmp_path / "a_file").write_text("", encoding="utf-8")
    (tmp_path / "bad.yaml").write_text("extends: unet\nname: bad\nbaseline: {encoder: nothing}\n", encoding="utf-8")
    refused(words, capsys)
    assert list((tmp_path / "runs").iterdir()) == [tmp_path / "runs" / "taken"]


@pytest.mark.parametrize("kind", BAD_DATA)
def test_bad_data_are_one_line_and_exit_code_2(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    told = refused(["--space", "unet", *bad_data(kind, tmp_path / "data")], capsys)
    assert "data" in told
    assert not (tmp_path / "runs").exists()


def test_spaces_that_start_unequally_are_refused_unless_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    from spaces.loading import load_space
    from trainables.models import create_model

    monkeypatch.chdir(tmp_path)
    encoder = create_model(load_space("unetplusplus").baseline, classes=3).state_dict()
    weights = {name.removeprefix("encoder."): value for name, value in encoder.items() if name.startswith("encoder.")}
    torch.save(weights, tmp_path / "w.pt")
    words = ["--space", "unetplusplus,deeplabv3plus", "--encoder-weights", f"mobilenet_v2={tmp_path / 'w.pt'}"]
    assert "resnet50" in refused(words, capsys)
    assert main([*words, "--allow-unequal-starts", "--dry-run"]) == 0
