"""`python -m trainables.export` on every built-in space."""

from pathlib import Path

import numpy as np
import pytest
import torch

from spaces.errors import InputError
from spaces.loading import builtin_space_names, load_space
from trainables.checkpoint import write_checkpoint
from trainables.export.__main__ import main
from trainables.export.agreement import Agreement
from trainables.export.metadata import read_metadata
from trainables.models import create_model
from trainables.runtimes.registry import create_runtime
from trainables.runtimes.runtime import Circumstances, NetworkFiles
from trainables.trained_network import read_trained_network

pytest.importorskip("onnxscript")
pytest.importorskip("nncf")

SIDE = 64
NAMES = ("ground", "a<b>", "c|d")
COLOURS = ((0, 0, 0), (255, 0, 0), (0, 0, 255))


def write_network(folder: Path, space: str) -> Path:
    """A best checkpoint of a freshly drawn network."""
    torch.manual_seed(0)
    config = load_space(space).baseline.model_copy(update={"crop_size": SIDE})
    model = create_model(config, classes=3)
    path = folder / "best.pt"
    classes = {"names": list(NAMES), "colours": [list(colour) for colour in COLOURS]}
    write_checkpoint(path, {"config": config.model_dump(), "classes": classes, "model": model.state_dict()})
    return path


@pytest.mark.slow
@pytest.mark.parametrize("space", builtin_space_names())
def test_a_file_of_dynamic_size_predicts_as_the_original_in_two_runtimes(
    space: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = write_network(tmp_path, space)
    assert main(["--checkpoint", str(checkpoint), "--format", "onnx", "--size", "dynamic"]) == 0
    printed = capsys.readouterr().out
    assert "at 64 px: log-probabilities differ by at most" in printed
    assert "at 128 px: " in printed
    path = tmp_path / "best-float32-dynamic.onnx"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["best-float32-dynamic.onnx", "best.pt"]
    described = read_metadata(path)
    trained = read_trained_network(checkpoint)
    assert described.input_size is None
    assert trained.class_names == NAMES
    assert trained.class_colours == COLOURS
    assert [(one.name, one.colour) for one in described.classes] == list(
        zip(trained.class_names, trained.class_colours, strict=True)
    )
    assert described.source_sha256 == trained.sha256
    images = np.random.default_rng(1).standard_normal((2, 3, 96, 32), dtype=np.float32)
    with torch.inference_mode():
        expected = trained.model().probabilities(torch.from_numpy(images)).numpy()
    for runtime in ("onnx_runtime", "openvino"):
        files = NetworkFiles(tmp_path, trained.config, 3, single=path)
        running = create_runtime(runtime, files, Circumstances("cpu", "float32", "contiguous", 1))
        running.load()
        running.compile()
        found = running.probabilities(running.run(running.place(images)))
        np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.slow
def test_int8_is_described_small_and_calibrated_on_data_of_its_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = write_network(tmp_path, "unet")
    words = ["--checkpoint", str(checkpoint), "--format", "openvino", "--precision", "int8"]
    with pytest.raises(InputError, match="knows the classes ground, "):
        main(words)
    monkeypatch.setattr("trainables.export.__main__._open_data", lambda options, trained: built_in())
    assert main(words) == 0
    assert "masks agree in" in capsys.readouterr().out
    described = read_metadata(tmp_path / "best-int8-64.xml")
    assert (described.precision, described.input_size) == ("int8", SIDE)
    assert (tmp_path / "best-int8-64.bin").stat().st_size < 0.5 * checkpoint.stat().st_size
    with pytest.raises(InputError, match="exists; name another --output, or add --force"):
        main(words)


def built_in() -> object:
    from trainables.data.procedural import ProceduralDataset
    from trainables.data.split import split_dataset
    from trainables.data.trial_data import TrialData

    dataset = ProceduralDataset(seed=0, photo_size=64)
    return TrialData(dataset, split_dataset(dataset, by="photo", seed=0))


def test_what_predicts_otherwise_is_not_left_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = write_network(tmp_path, "unet")
    exported = "trainables.export.deployment.write_deployed_model"
    monkeypatch.setattr(exported, lambda trained, target, *rest: target.write_bytes(b"another network"))
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
