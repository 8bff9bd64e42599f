"""Networks in OpenVINO's own format, float32 and int8."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.export.quiet_exporters import quiet
from trainables.runtimes.openvino_core import in_a_passing_thread

_CONVOLUTIONS = ("Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData")


def convert_to_openvino(source: Path, target: Path) -> None:
    """Write an ONNX file as an .xml with a .bin beside it, weights in float32."""
    import openvino

    # Not `openvino.convert_model`, which sends usage data.
    openvino.save_model(openvino.Core().read_model(source), target, compress_to_fp16=False)


def quantise_openvino(source: Path, target: Path, images: NDArray[np.float32]) -> None:
    """Quantise an OpenVINO or ONNX file statically to int8.

    Args:
        source: What `convert_to_openvino` or `export_onnx` wrote.
        target: The .xml to write.
        images: Normalised images, (N, 3, H, W), N at least 1, whose activations decide the ranges.
    """
    import logging
    import os

    # Read at the first import: where it is not set, or empty, NNCF sends usage data.
    os.environ["NNCF_CI"] = "1"
    with quiet():
        import nncf
        import openvino

        logging.getLogger("nncf").setLevel(logging.ERROR)
        if not len(images):
            raise ValueError("static quantisation needs images")
        model = openvino.Core().read_model(source)
        dataset = nncf.Dataset([image[None] for image in images])
        # Symmetric weights, asymmetric activations: MobileNet's ReLU6 and the softmax's inputs need their own zero.
        quantise = functools.partial(
            nncf.quantize,
            model,
            dataset,
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(images),
            fast_bias_correction=True,
            ignored_scope=nncf.IgnoredScope(names=_after_last_convolution(model)),
        )
        quantised = in_a_passing_thread(quantise)
    openvino.save_model(quantised, target, compress_to_fp16=False)


def _after_last_convolution(model: Any) -> list[str]:
    """Names of the operations from which no convolution follows: logits, softmax and mean, which stay float.

    Their few operations cost little, and 8 bits would show in every probability.
    """
    leading: set[str] = set()
    after = []
    for operation in reversed(model.get_ordered_ops()):
        name, kind = operation.get_friendly_name(), operation.get_type_name()
        if kind in _CONVOLUTIONS or name in leading:
            leading |= {source.get_source_output().get_node().get_friendly_name() for source in operation.inputs()}
        elif kind not in ("Parameter", "Result", "Constant"):
            after.append(name)
    return after
