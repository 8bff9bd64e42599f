"""A network in every format that runtimes read: the one way from weights to their files."""

from collections.abc import Callable, Collection

import numpy as np
from numpy.typing import NDArray

from trainables.models.segmentation_model import SegmentationModel
from trainables.runtimes.names import FLOAT32, INT8
from trainables.runtimes.runtime import NetworkFiles

ONNX_RUNTIME, OPENVINO = "onnx_runtime", "openvino"


def write_network_files(
    model: SegmentationModel,
    files: NetworkFiles,
    variants: Collection[tuple[str, str]],
    calibration: Callable[[], NDArray[np.float32]],
    *,
    dynamic: bool = False,
) -> None:
    """Write what variants read, and the float32 files that it is made from.

    Args:
        model: The network, on the CPU, float32; it is put into evaluation mode.
        files: Where to; the `crop_size` of its configuration is the side of the images.
        variants: Runtimes and precisions; those of PyTorch need no files from here.
        calibration: Called where one is int8: normalised images, (N, 3, H, W), whose activations decide the ranges.
        dynamic: Whether the images may have any sides that fit the network.
    """
    runtimes = {runtime for runtime, _ in variants}
    if not runtimes & {ONNX_RUNTIME, OPENVINO}:
        return
    from trainables.export.onnx_model import export_onnx, quantise_onnx

    export_onnx(model, files.onnx(FLOAT32), size=files.config.crop_size, dynamic=dynamic)
    if OPENVINO in runtimes:
        from trainables.export.openvino_model import convert_to_openvino, quantise_openvino

        convert_to_openvino(files.onnx(FLOAT32), files.openvino(FLOAT32))
    if not any(precision == INT8 for _, precision in variants):
        return
    images = calibration()
    if (ONNX_RUNTIME, INT8) in variants:
        quantise_onnx(files.onnx(FLOAT32), files.onnx(INT8), images)
    if (OPENVINO, INT8) in variants:
        quantise_openvino(files.openvino(FLOAT32), files.openvino(INT8), images)
