"""Networks as ONNX files, float32 and int8."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.export.deployed_network import IMAGES, PROBABILITIES, DeployedNetwork, example_images
from trainables.export.quiet_exporters import quiet
from trainables.models.segmentation_model import SegmentationModel

_CONVOLUTIONS = ("Conv", "ConvTranspose")

_LONGEST_SIDE = 16384
"""Of images that a file of dynamic size takes, px."""


def export_onnx(model: SegmentationModel, path: Path, *, size: int, dynamic: bool = False) -> None:
    """Write a network as ONNX, for any number of images.

    Args:
        model: The network, on the CPU, float32; it is put into evaluation mode.
        path: The file; its folder must exist. Its input is called "images", (B, 3, H, W) float32, normalised; its
            output "probabilities", (B, C, H, W).
        size: Side of the images, px.
        dynamic: Whether images may have any sides that are multiples of the network's, and not only that one.
    """
    import torch

    network = DeployedNetwork(model)
    free: dict[int, Any] = {0: torch.export.Dim("batch", min=1, max=1024)}
    if dynamic:
        for axis, name in ((2, "rows"), (3, "columns")):
            free[axis] = model.size_multiple * torch.export.Dim(name, min=1, max=_LONGEST_SIDE // model.size_multiple)
    # A side of its own, so that tracing takes rows and columns for two things.
    columns = size + model.size_multiple if dynamic else size
    with quiet(), torch.no_grad():
        torch.onnx.export(
            network,
            (example_images(size, columns),),
            path,
            dynamo=True,
            input_names=[IMAGES],
            output_names=[PROBABILITIES],
            dynamic_shapes={"images": free},
            external_data=False,
            verbose=False,
        )


def quantise_onnx(source: Path, target: Path, images: NDArray[np.float32]) -> None:
    """Quantise an ONNX file statically: weights per channel and activations, int8, as QDQ operators.

    Args:
        source: What `export_onnx` wrote.
        target: The file to write.
        images: Normalised images, (N, 3, H, W), whose activations decide the ranges.
    """
    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Images(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left = iter(images)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:  # type: ignore[override, unused-ignore]
            image = next(self._left, None)
            return None if image is None else {IMAGES: image[None]}

    # On Windows it sends usage data.
    onnxruntime.disable_telemetry_events()
    prepared = target.with_name(f"{target.stem}-prepared.onnx")
    try:
        with quiet():
            # Symbolic shapes fail on some exports; the graph's own inference suffices for fixed sizes.
            quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
            quantize_static(
                str(prepared),
                str(target),
                Images(),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=_after_last_convolution(prepared),
                op_types_to_quantize=["Conv", "ConvTranspose", "Add", "Concat", "MaxPool", "GlobalAveragePool"],
            )
    finally:
        prepared.unlink(missing_ok=True)


def _after_last_convolution(path: Path) -> list[str]:
    """Names of the nodes from which no convolution follows: logits, softmax and mean, which stay float32.

    Their few operations cost little, and 8 bits would show in every probability.
    """
    import onnx

    graph = onnx.load(path).graph
    needed: set[str] = set()
    after = []
    for node in reversed(graph.node):
        if node.op_type in _CONVOLUTIONS or needed & set(node.output):
            needed |= set(node.input)
        if node.op_type not in _CONVOLUTIONS and not needed & set(node.output):
            after.append(node.name)
    return after
