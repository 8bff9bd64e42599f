"""The process that writes a network in every form that is to be measured, and counts what need not be timed.

`analysis.costs` runs it, so that exporting and counting leave no trace in the process that is measured.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from analysis.measuring_process import answer_questions
from spaces.configuration import TrialConfig
from trainables.compute.process_memory import MEGABYTE
from trainables.data.opening import DataSource
from trainables.export.network_files import write_network_files
from trainables.models import create_model
from trainables.runtimes.runtime import NetworkFiles

CALIBRATION_IMAGES = 64


def prepare(
    *,
    folder: str,
    config: dict[str, Any],
    classes: int,
    checkpoint: str | None,
    variants: list[list[str]],
    source: dict[str, Any],
    split_by: str,
    split_seed: int,
) -> dict[str, Any]:
    """Write weights, and for each [runtime, precision] the files that it reads.

    Args:
        folder: Where to.
        config: The network's configuration.
        classes: Number of classes.
        checkpoint: File with its weights; freshly drawn ones where None.
        variants: What will be measured.
        source: Fields of the `DataSource` whose training images calibrate int8.
        split_by: "auto", "photo" or "capture".
        split_seed: Seed of the split.

    Returns:
        `parameters`, `macs`, `checkpoint_mb`; `exported_mb`, a size for each variant, None for PyTorch's own; and
        `threads`, PyTorch's choice on this machine.
    """
    files = NetworkFiles(Path(folder), TrialConfig.model_validate(config), classes)
    torch.manual_seed(0)
    model = create_model(files.config, classes=classes).eval()
    if checkpoint is not None:
        from trainables.checkpoint import read_checkpoint

        model.load_state_dict(read_checkpoint(Path(checkpoint))["model"])
    torch.save(model.state_dict(), files.weights)
    side = files.config.crop_size
    with torch.inference_mode():
        macs = count_macs(model, torch.randn(1, 3, side, side))
    wanted = {(runtime, precision) for runtime, precision in variants}
    write_network_files(
        model, files, wanted, lambda: _calibration_images(files.config, DataSource(**source), split_by, split_seed)
    )
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "macs": macs,
        "checkpoint_mb": files.weights.stat().st_size / MEGABYTE,
        "exported_mb": [exported_mb(files, runtime, precision) for runtime, precision in variants],
        "threads": torch.get_num_threads(),
    }


def count_macs(model: torch.nn.Module, images: Tensor) -> int:
    """Multiply-accumulates of one forward pass; operators unknown to the counter count as zero."""
    with FlopCounterMode(display=False) as counter:
        model(images)
    return int(counter.get_total_flops()) // 2


def exported_mb(files: NetworkFiles, runtime: str, precision: str) -> float | None:
    """Size of the files that a runtime reads, MB; None where that is a checkpoint."""
    if runtime == "onnx_runtime":
        return files.onnx(precision).stat().st_size / MEGABYTE
    if runtime == "openvino":
        path = files.openvino(precision)
        return (path.stat().st_size + path.with_suffix(".bin").stat().st_size) / MEGABYTE
    return None


def _calibration_images(config: TrialConfig, source: DataSource, split_by: str, split_seed: int) -> NDArray[np.float32]:
    from trainables.data.split import split_dataset
    from trainables.data.trial_data import TrialData
    from trainables.export.calibration import calibration_images

    dataset = source.open()
    data = TrialData(dataset, split_dataset(dataset, by=split_by, seed=split_seed))  # type: ignore[arg-type]
    return calibration_images(data, config, CALIBRATION_IMAGES)


if __name__ == "__main__":
    answer_questions(prepare)
