"""`python -m trainables.export` on every built-in space."""

from pathlib import Path

import numpy as np
import pytest
import torch

from spaces.errors import InputError
from spaces.loading import builtin_space_names
from tests.trainables.export.networks import COLOURS, NAMES, SIDE, write_network
from trainables.checkpoint import read_checkpoint, write_checkpoint
from trainables.data.procedural import ProceduralDataset
from trainables.data.split import split_dataset
from trainables.data.trained_on import recorded_data
from trainables.data.trial_data import TrialData
from trainables.export.__main__ import main
from trainables.export.agreement import Agreement
from trainables.export.metadata import DeployedCalibration, read_metadata
from trainables.runtimes.registry import create_runtime
from trainables.runtimes.runtime import Circumstances, NetworkFiles
from trainables.trained_network import read_trained_network

pytest.importorskip("onnxscript")
pytest.importorskip("nncf")


@pytest.fixture
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainables.export.__main__.COMPARED_IMAGES", 2)
    monkeypatch.setattr("trainables.export.__main__.CALIBRATION_IMAGES", 4)


@pytest.mark.slow
@pytest.mark.usefixtures("traced_once", "few_images")
@pytest.mark.parametrize("space", builtin_space_names())
def test_files_of_dynamic_size_predict_as_the_original_in_every_runtime(
    space: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = write_network(tmp_path, space)
    trained = read_trained_network(checkpoint)
    assert (trained.class_names, trained.class_colours) == (NAMES, COLOURS)
    images = np.random.default_rng(1).standard_normal((2, 3, 96, 32), dtype=np.float32)
    with torch.inference_mode():
        expected = trained.model().probabilities(torch.from_numpy(images)).numpy()
    formats = {"onnx": (".onnx", ("onnx_runtime", "openvino")), "openvino": (".xml", ("openvino",))}
    for kind, (suffix, runtimes) in formats.items():
        assert main(["--checkpoint", str(checkpoint), "--format", kind, "--size", "dynamic"]) == 0
        printed = capsys.readouterr().out
        assert "at 64 px: log-probabilities differ by at most" in printed
        assert "at 128 px: " in printed
        path = tmp_path / f"best-float32-dynamic{suffix}"
        described = read_metadata(path)
        assert (described.input_size, described.crop_size, described.calibration) == (None, SIDE, None)
        assert [(one.name, one.colour) for one in described.classes] == list(zip(NAMES, COLOURS, strict=True))
        assert described.source_sha256 == trained.sha256
        for runtime in runtimes:
            files = NetworkFiles(tmp_path, trained.config, 3, single=path)
            running = create_runtime(runtime, files, Circumstances("cpu", "float32", "contiguous", 1))
            running.load()
            running.compile()
            found = running.probabilities(running.run(running.place(images)))
            np.testing.assert_allclose(found, expected, atol=1e-4)
    names = {"best.pt", *(f"best-float32-dynamic{suffix}" for suffix in (".onnx", ".xml", ".bin"))}
    assert {file.name for file in tmp_path.iterdir()} == names


@pytest.mark.slow
@pytest.mark.usefixtures("traced_once", "few_images")
def test_int8_is_small_and_says_by_what_its_ranges_were_decided(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = write_network(tmp_path, "unet")
    words = ["--checkpoint", str(checkpoint), "--format", "openvino", "--precision", "int8", "--size", "dynamic"]
    with pytest.raises(InputError, match="knows the classes ground, "):
        main(words)
    data = procedural_data()
    monkeypatch.setattr("trainables.export.__main__._open_data", lambda options, trained: data)
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "int8 by the ranges of 4 training images at 64 px; windows of other sides, which" in printed
    assert "the checkpoint does not tell its data: " in printed
    assert "masks agree in" in printed
    described = read_metadata(tmp_path / "best-int8-dynamic.xml")
    assert (described.precision, described.input_size) == ("int8", None)
    assert described.calibration == DeployedCalibration(
        images=4, side=SIDE, data_fingerprint=data.dataset.fingerprint, of_training=False
    )
    assert (tmp_path / "best-int8-dynamic.bin").stat().st_size < 0.5 * checkpoint.stat().st_size


def procedural_data() -> TrialData:
    dataset = ProceduralDataset(seed=0, photo_size=64)
    return TrialData(dataset, split_dataset(dataset, by="photo", seed=0))


@pytest.mark.parametrize("name", ["x.xml", "x.bin"])
def test_no_part_of_a_file_that_is_there_is_replaced(name: str, tmp_path: Path) -> None:
    words = ["--checkpoint", str(write_network(tmp_path, "unet")), "--format", "openvino"]
    words += ["--output", str(tmp_path / "x.xml")]
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=rf"{name} exists; name another --output, or add --force"):
        main(words)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=f"{name} is a folder"):
        main([*words, "--force"])


def test_the_split_of_the_training_is_no_other(tmp_path: Path) -> None:
    """Else validation images would calibrate, or training images be compared."""
    checkpoint = write_network(tmp_path, "unet")
    dataset = ProceduralDataset(seed=0)
    data = TrialData(dataset, split_dataset(dataset, by="photo", seed=3))
    write_checkpoint(checkpoint, read_checkpoint(checkpoint) | {"data": recorded_data(data)})
    with pytest.raises(InputError, match="--split-by photo --seed 4: the checkpoint says photo and 3; leave both out"):
        main(["--checkpoint", str(checkpoint), "--format", "onnx", "--seed", "4"])


def test_what_predicts_otherwise_is_not_left_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = write_network(tmp_path, "unet")
    exported = "trainables.export.deployment.write_deployed_model"
    monkeypatch.setattr(exported, lambda trained, target, *_: target.write_bytes(b"another network"))
    monkeypatch.setattr("trainables.export.verification.open_exported", lambda *given: None)
    found = Agreement(largest_difference=0.5, scale=1.0, argmax_agreement=0.998)
    monkeypatch.setattr("trainables.export.verification.compare_with_original", lambda *given: found)
    assert main(["--checkpoint", str(checkpoint), "--format", "onnx"]) == 1
    assert "failed: right is at most" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["best.pt"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--format", "onnx", "--size", "100"], "--size 100: right is a multiple of 32 px, or dynamic"),
        (["--format", "onnx", "--size", "x"], "--size"),
        (["--format", "onnx", "--output", "no/such/x.onnx"], "its folder does not exist"),
        (["--format", "onnx", "--output", "x.xml"], r"right is a name that ends in \.onnx"),
        (["--format", "abacus"], "abacus"),
        ([], "--format"),
    ],
)
def test_bad_input_is_one_line(words: list[str], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=complaint) as caught:
        main(["--checkpoint", str(write_network(tmp_path, "unet")), *words])
    assert "\n" not in str(caught.value)
