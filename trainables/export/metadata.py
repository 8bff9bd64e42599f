"""What an exported file says of itself: how its images are made, and what its classes are."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from spaces.errors import InputError
from trainables.trained_network import file_digest

FORMAT_VERSION: Literal[2] = 2
_KEY = "segpareto"


class DeployedClass(BaseModel):
    """A class: its name and its RGB colour, 0 to 255."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    colour: tuple[int, int, int]


class DeployedCalibration(BaseModel):
    """What decided the ranges of an int8 network.

    Attributes:
        images: How many.
        side: Of the images, px; those of other sides may be predicted less well.
        data_fingerprint: Of the data that they are from.
        of_training: Whether the checkpoint told that it was trained on them; else whoever exported it had to know.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: int
    side: int
    data_fingerprint: str
    of_training: bool


class DeployedModel(BaseModel):
    """How to use an exported network.

    Attributes:
        format_version: Of this description.
        architecture: The network's kind, and
        encoder: its encoder.
        classes: By index.
        image_scale: By what photos are resized before windows are cut from them.
        crop_size: Side of the windows that it was trained on, px of the resized photo.
        input_size: Side of the images that it takes, px; None where it takes any multiple of `size_multiple`.
        size_multiple: What the sides of images must be multiples of, px.
        mean: Of the red, green and blue of images, 0 to 1, subtracted first, and
        std: the deviation, divided by then.
        output: "probabilities" of the classes, (B, C, H, W).
        precision: "float32" or "int8".
        calibration: Of int8.
        config: The whole configuration that it was trained with.
        source_sha256: Digest of the checkpoint that it was made from.
        weights_sha256: Digest of the .bin beside an .xml; None of a file that holds its weights itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Literal[2] = FORMAT_VERSION
    architecture: str
    encoder: str
    classes: tuple[DeployedClass, ...]
    image_scale: float
    crop_size: int
    input_size: int | None
    size_multiple: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    output: Literal["probabilities"] = "probabilities"
    precision: Literal["float32", "int8"]
    calibration: DeployedCalibration | None = None
    config: dict[str, Any]
    source_sha256: str
    weights_sha256: str | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.precision == "int8") != (self.calibration is not None):
            raise ValueError("int8 goes with a calibration, and nothing else does")
        if self.input_size is not None and self.input_size % self.size_multiple:
            raise ValueError("input_size is no multiple of size_multiple")
        return self


def write_onnx_metadata(path: Path, model: DeployedModel) -> None:
    """Add a description to an ONNX file."""
    import onnx

    network = onnx.load(path)
    onnx.helper.set_model_props(network, {_KEY: model.model_dump_json()})
    onnx.save(network, path)


def write_openvino_metadata(path: Path, model: DeployedModel) -> DeployedModel:
    """Add a description to an OpenVINO file; `path` is its .xml, beside which the .bin lies.

    Returns:
        The description with the digest of the .bin: nothing else in the two says that they belong together.
    """
    import openvino

    model = model.model_copy(update={"weights_sha256": file_digest(path.with_suffix(".bin"))})
    network = openvino.Core().read_model(path)
    network.set_rt_info(model.model_dump_json(), [_KEY])
    # Under other names first: the weights are mapped from the file that would be written.
    temporary = path.with_name(f"{path.stem}-described.xml")
    openvino.save_model(network, temporary, compress_to_fp16=False)
    del network
    if file_digest(temporary.with_suffix(".bin")) != model.weights_sha256:
        raise RuntimeError(f"OpenVINO wrote the weights of {path} in two ways")
    temporary.with_suffix(".bin").replace(path.with_suffix(".bin"))
    temporary.replace(path)
    return model


def read_metadata(path: Path) -> DeployedModel:
    """Read the description of an exported file, .onnx or .xml.

    Raises:
        InputError: The file can't be read or has none, or one of another version; or the .bin beside it is another's.
    """
    if path.suffix not in (".onnx", ".xml"):
        raise InputError(f"{path}: neither .onnx nor .xml; what trainables.export wrote is needed")
    try:
        text = _onnx_text(path) if path.suffix == ".onnx" else _openvino_text(path)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except (OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path} can't be read ({reason}); what trainables.export wrote is needed") from error
    if text is None:
        raise InputError(f"{path} does not say how its images are made; what trainables.export wrote is needed")
    try:
        model = DeployedModel.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: {place}: {first['msg']}; export the network again") from error
    weights = path.with_suffix(".bin")
    if path.suffix == ".xml" and file_digest(weights) != model.weights_sha256:
        raise InputError(f"{weights} holds other weights than {path} was written with; export the network again")
    return model


def _onnx_text(path: Path) -> str | None:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    if not path.is_file():
        raise FileNotFoundError(path)
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    damaged = (
        errors.Fail,
        errors.InvalidArgument,
        errors.InvalidGraph,
        errors.InvalidProtobuf,
        errors.NotImplemented,
        errors.RuntimeException,
    )
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except damaged as error:
        raise ValueError(str(error)) from error
    texts: dict[str, str] = session.get_modelmeta().custom_metadata_map
    return texts.get(_KEY)


def _openvino_text(path: Path) -> str | None:
    import openvino

    if not path.is_file():
        raise FileNotFoundError(path)
    network = openvino.Core().read_model(path)
    return str(network.get_rt_info([_KEY]).astype(str)) if network.has_rt_info([_KEY]) else None
