from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from spaces.errors import InputError
from trainables.export.metadata import (
    DeployedCalibration,
    DeployedClass,
    DeployedModel,
    read_metadata,
    write_onnx_metadata,
    write_openvino_metadata,
)

pytest.importorskip("onnx")
pytest.importorskip("openvino")


DESCRIPTION = DeployedModel(
    architecture="unet",
    encoder="resnet18",
    classes=(
        DeployedClass(name="Snake Fruit & <b>\u00fc</b>", colour=(0, 1, 255)),
        DeployedClass(name="x", colour=(0, 0, 0)),
    ),
    image_scale=0.5,
    crop_size=64,
    input_size=None,
    size_multiple=32,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    precision="int8",
    calibration=DeployedCalibration(images=3, side=64, data_fingerprint="ab", of_training=True),
    config={"heads": 3, "losses": {"a": [1, None, 0.1]}},
    source_sha256="cd",
)


def write_plain_openvino(path: Path, weight: float = 2.0) -> None:
    """An .xml and a .bin that hold four weights."""
    import openvino
    from openvino import opset13

    images = opset13.parameter([1, 4], np.float32)
    values = opset13.multiply(images, opset13.constant(np.full((1, 4), weight, np.float32)))
    openvino.save_model(openvino.Model([values], [images]), path, compress_to_fp16=False)


def write_plain_onnx(path: Path) -> None:
    """A valid file without a description."""
    import onnx
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "plain", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)


def test_files_without_a_description_are_bad_input(tmp_path: Path) -> None:
    write_plain_onnx(tmp_path / "plain.onnx")
    for suffix in (".onnx", ".xml"):
        (tmp_path / f"empty{suffix}").write_bytes(b"")
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    (tmp_path / "broken.xml").write_text("<no network", encoding="utf-8")
    for name, complaint in {
        "plain.onnx": "does not say how its images are made",
        "broken.onnx": "can't be read",
        "empty.onnx": "can't be read",
        "empty.xml": "can't be read",
        "broken.xml": "can't be read",
        "absent.onnx": "does not exist",
        "absent.xml": "does not exist",
        "best.pt": "neither .onnx nor .xml",
    }.items():
        with pytest.raises(InputError, match=complaint) as caught:
            read_metadata(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_description_of_another_version_is_refused(tmp_path: Path) -> None:
    import onnx

    path = tmp_path / "newer.onnx"
    write_plain_onnx(path)
    network = onnx.load(path)
    onnx.helper.set_model_props(network, {"segpareto": '{"format_version": 3}'})
    onnx.save(network, path)
    with pytest.raises(InputError, match=r"newer\.onnx: .*export the network again"):
        read_metadata(path)


def test_a_description_comes_back_from_onnx_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "described.onnx"
    write_plain_onnx(path)
    write_onnx_metadata(path, DESCRIPTION)
    assert read_metadata(path) == DESCRIPTION


def test_a_description_comes_back_from_openvino_with_the_digest_of_the_weights(tmp_path: Path) -> None:
    path = tmp_path / "described.xml"
    write_plain_openvino(path)
    described = write_openvino_metadata(path, DESCRIPTION)
    assert described.weights_sha256 is not None
    assert described.model_copy(update={"weights_sha256": None}) == DESCRIPTION
    assert read_metadata(path) == described
    assert sorted(file.name for file in tmp_path.iterdir()) == ["described.bin", "described.xml"]


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    """As a crash between the moves of the two files leaves them."""
    for name, weight in (("mine", 2.0), ("other", 3.0)):
        write_plain_openvino(tmp_path / f"{name}.xml", weight)
        write_openvino_metadata(tmp_path / f"{name}.xml", DESCRIPTION)
    (tmp_path / "other.bin").replace(tmp_path / "mine.bin")
    with pytest.raises(InputError, match=r"mine\.bin holds other weights than .*mine\.xml was written with; export"):
        read_metadata(tmp_path / "mine.xml")
    (tmp_path / "mine.bin").unlink()
    with pytest.raises(InputError, match=r"mine\.xml can't be read"):
        read_metadata(tmp_path / "mine.xml")


@pytest.mark.parametrize(
    "changes", [{"precision": "float32"}, {"calibration": None}, {"precision": "int4"}, {"input_size": 65}]
)
def test_a_description_contradicts_itself_nowhere(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DeployedModel.model_validate(DESCRIPTION.model_dump() | changes)
