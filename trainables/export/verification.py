"""An exported file beside its original, on the same images."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainables.export.agreement import Agreement, compare_outputs
from trainables.export.deployment import RUNTIMES, ExportSettings
from trainables.runtimes.registry import create_runtime
from trainables.runtimes.runtime import Circumstances, NetworkFiles, Runtime
from trainables.trained_network import TrainedNetwork

if TYPE_CHECKING:
    from trainables.data.trial_data import TrialData

_LEAST_PROBABILITY = np.float32(1e-9)
"""Smaller ones count as equal: no mask and no area ever shows them."""


def open_exported(path: Path, trained: TrainedNetwork, settings: ExportSettings, threads: int) -> Runtime:
    """An exported file, ready to predict on the CPU."""
    config = trained.config.model_copy(update={"crop_size": settings.size})
    files = NetworkFiles(path.parent, config, len(trained.class_names), single=path)
    runtime = create_runtime(
        RUNTIMES[settings.format], files, Circumstances("cpu", settings.precision, "contiguous", threads)
    )
    runtime.load()
    runtime.compile()
    return runtime


def compare_with_original(
    runtime: Runtime, trained: TrainedNetwork, images: NDArray[np.float32], batch: int = 4
) -> Agreement:
    """Let both predict, and compare the logarithms of their probabilities.

    These are the prediction's logits apart from one number per pixel; the heads' own are not in the file.

    Args:
        runtime: The exported file.
        trained: What it was made from.
        images: Normalised, (N, 3, H, W), N at least 1.
        batch: Images at once.
    """
    import torch

    model = trained.model()
    expected, found = [], []
    for start in range(0, len(images), batch):
        some = np.ascontiguousarray(images[start : start + batch])
        with torch.inference_mode():
            expected.append(model.probabilities(torch.from_numpy(some)).numpy())
        found.append(runtime.probabilities(runtime.run(runtime.place(some))))
    return compare_outputs(_logarithms(np.concatenate(expected)), _logarithms(np.concatenate(found)))


def _logarithms(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.log(np.maximum(probabilities, _LEAST_PROBABILITY))


def validation_miou(model: Any, trained: TrainedNetwork, data: "TrialData", size: int) -> float:
    """Foreground mIoU of whatever predicts like a `SegmentationModel`, on the validation part, as a fraction."""
    from trainables.compute.precision import PLAIN_LAYOUT
    from trainables.evaluation.evaluation import evaluate_part

    config = trained.config.model_copy(update={"crop_size": size})
    return float(evaluate_part(model, config, data, "validation", PLAIN_LAYOUT).miou)
