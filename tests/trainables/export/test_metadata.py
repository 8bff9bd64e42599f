from pathlib import Path

import pytest

from spaces.errors import InputError
from trainables.export.metadata import read_metadata

pytest.importorskip("onnx")
pytest.importorskip("openvino")


def write_plain_onnx(path: Path) -> None:
    """A valid file without a description."""
    import onnx
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "plain", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)


def test_files_without_a_description_are_bad_input(tmp_path: Path) -> None:
    write_plain_onnx(tmp_path / "plain.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    (tmp_path / "broken.xml").write_text("<no network", encoding="utf-8")
    for name, complaint in {
        "plain.onnx": "does not say how its images are made",
        "broken.onnx": "can't be read",
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
    onnx.helper.set_model_props(network, {"segpareto": '{"format_version": 2}'})
    onnx.save(network, path)
    with pytest.raises(InputError, match=r"newer\.onnx: .*export the network again"):
        read_metadata(path)
