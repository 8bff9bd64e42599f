"""A trained network in one file that other programs run, with all in it that they need to know."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainables.data.colour_statistics import IMAGENET_MEAN, IMAGENET_STD
from trainables.export.calibration import Calibration
from trainables.export.metadata import (
    DeployedCalibration,
    DeployedClass,
    DeployedModel,
    write_onnx_metadata,
    write_openvino_metadata,
)
from trainables.export.network_files import ONNX_RUNTIME, OPENVINO, write_network_files
from trainables.runtimes.names import FLOAT32, INT8
from trainables.runtimes.runtime import NetworkFiles
from trainables.trained_network import TrainedNetwork

SUFFIXES = {"onnx": ".onnx", "openvino": ".xml"}
"""Of the file, by format; OpenVINO's has a .bin beside it."""

RUNTIMES = {"onnx": ONNX_RUNTIME, "openvino": OPENVINO}
"""What runs a format, by the names of `trainables.runtimes`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportSettings:
    """What kind of file is wanted.

    Attributes:
        format: A key of `SUFFIXES`.
        precision: "float32" or "int8".
        size: Side of the images, px; where the size is dynamic, that of the images it is traced with.
        dynamic: Whether images of any size fit.
    """

    format: str
    precision: str = FLOAT32
    size: int
    dynamic: bool = False

    @property
    def name(self) -> str:
        """What tells such files of one checkpoint apart, for their names."""
        return f"{self.precision}-{'dynamic' if self.dynamic else self.size}"


def write_deployed_model(
    trained: TrainedNetwork, target: Path, settings: ExportSettings, calibration: Calibration | None = None
) -> DeployedModel:
    """Write a network in a format, its description inside.

    Args:
        trained: The network.
        target: The file, whose suffix is the format's; its folder must exist, and may be left with other files that
            the way there needs.
        settings: What kind of file.
        calibration: For int8, and for nothing else.

    Returns:
        The description.
    """
    if (settings.precision == INT8) != (calibration is not None):
        raise ValueError("int8 needs images for its ranges, and nothing else does")
    model = trained.model()
    described = _description(trained, settings, model.size_multiple, calibration)
    config = trained.config.model_copy(update={"crop_size": settings.size})
    files = NetworkFiles(target.parent, config, len(trained.class_names))
    variant = (RUNTIMES[settings.format], settings.precision)

    def images() -> NDArray[np.float32]:
        assert calibration is not None  # noqa: S101 - asked for where int8 is
        return calibration.images

    write_network_files(model, files, {variant}, images, dynamic=settings.dynamic)
    if settings.format == "onnx":
        files.onnx(settings.precision).replace(target)
        write_onnx_metadata(target, described)
        return described
    made = files.openvino(settings.precision)
    made.with_suffix(".bin").replace(target.with_suffix(".bin"))
    made.replace(target)
    return write_openvino_metadata(target, described)


def _description(
    trained: TrainedNetwork, settings: ExportSettings, size_multiple: int, calibration: Calibration | None
) -> DeployedModel:
    return DeployedModel(
        architecture=trained.config.architecture,
        encoder=trained.config.encoder,
        classes=tuple(
            DeployedClass(name=name, colour=colour)
            for name, colour in zip(trained.class_names, trained.class_colours, strict=True)
        ),
        image_scale=trained.config.image_scale,
        crop_size=trained.config.crop_size,
        input_size=None if settings.dynamic else settings.size,
        size_multiple=size_multiple,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        precision=settings.precision,
        calibration=None
        if calibration is None
        else DeployedCalibration(
            images=len(calibration.images),
            side=calibration.images.shape[-1],
            data_fingerprint=calibration.data_fingerprint,
            of_training=calibration.of_training,
        ),
        config=trained.config.model_dump(mode="json"),
        source_sha256=trained.sha256,
    )
