"""What a network costs to run, under one protocol for every network.

Each network is measured in a fresh process, so that neither its peak memory nor its speed depends on what ran
before: `analysis.cost_measurement` is what that process does. Nothing else should run on the device.

The protocol: float32, eager PyTorch, no gradients, input of (1, 3, crop_size, crop_size), channels last
unless asked otherwise, weights freshly initialised (cost does not depend on their values). What is timed is
`SegmentationModel.probabilities`: the network with all heads and the mean of their softmax, without reading
or normalising the image.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from analysis.tables import COST_COLUMNS
from spaces.configuration import TrialConfig

Layout = Literal["channels_last", "contiguous"]

LONGEST_MEASUREMENT_S = 900
"""A measurement that takes longer than this hangs, and is ended."""


@dataclass(frozen=True, kw_only=True)
class NetworkCosts:
    """Costs of one network on one device. A megabyte is 1e6 bytes.

    Attributes:
        architecture: Registered name of the model.
        encoder: Name of its encoder.
        input_size: Side of the square input, px.
        classes: Number of classes.
        parameters: Number of weights, buffers excluded.
        macs: Multiply-accumulates for one image: half of what `torch.utils.flop_counter` counts. Operators
            that it does not know, such as batch norm, ReLU and interpolation, count as zero.
        checkpoint_mb: Size of the serialised weights and buffers, MB.
        latency_ms_p50: Median time of one image at batch 1, ms.
        latency_ms_p90: Nine of ten images take at most this, ms.
        latency_samples: Number of timings behind the two.
        throughput_img_s: Images per second at the best of the batch sizes tried.
        throughput_batch_size: That batch size.
        peak_memory_mb: Inference at batch 1. CPU: peak resident memory of the whole process, Python, PyTorch and
            the other libraries (`runtime_memory_mb`) included. CUDA: most memory that PyTorch allocated.
        runtime_memory_mb: Peak resident memory of the process before it built the network, MB.
        train_peak_memory_mb: As `peak_memory_mb`, for one training step (forward, backward, SGD with momentum) at
            `train_batch_size`, in a process of its own; None where it was not measured.
        train_batch_size: Images in that training step; None likewise.
        device: The device, in words.
        runtime: What ran the network.
        precision: Of weights and activations.
        layout: "channels_last" or "contiguous" (NCHW).
        threads: CPU threads PyTorch used within one operator.
        torch_version: Version of PyTorch.
    """

    architecture: str
    encoder: str
    input_size: int
    classes: int
    parameters: int
    macs: int
    checkpoint_mb: float
    latency_ms_p50: float
    latency_ms_p90: float
    latency_samples: int
    throughput_img_s: float
    throughput_batch_size: int
    peak_memory_mb: float
    runtime_memory_mb: float
    train_peak_memory_mb: float | None
    train_batch_size: int | None
    device: str
    runtime: str
    precision: str
    layout: str
    threads: int
    torch_version: str

    def as_dict(self) -> dict[str, Any]:
        """All fields, as plain values."""
        return asdict(self)

    def columns(self) -> dict[str, float]:
        """The columns of `analysis.tables.COST_COLUMNS`, as a trial's row holds them."""
        return {name: float(getattr(self, name)) for name in COST_COLUMNS}


def measure_costs(
    config: TrialConfig,
    *,
    classes: int,
    device: str = "cpu",
    quick: bool = False,
    layout: Layout = "channels_last",
    threads: int | None = None,
) -> NetworkCosts:
    """Measure the network of a configuration, in fresh processes.

    Args:
        config: Decides the network; its `crop_size` is the side of the input.
        classes: Number of classes.
        device: "cpu" or "cuda" (also "cuda:1").
        quick: Fewer timings, fewer batch sizes, and no training step: seconds instead of tens of seconds.
        layout: Memory layout of weights and images.
        threads: CPU threads within one operator; PyTorch's own choice by default, which OMP_NUM_THREADS sets.

    Raises:
        RuntimeError: The process failed, for example because memory ran out; its last line says why.
    """
    request = {
        "config": config.model_dump(mode="json"),
        "classes": classes,
        "device": device,
        "quick": quick,
        "layout": layout,
        "threads": threads,
    }
    measured = _run_fresh({**request, "part": "inference"})
    training = {} if quick else _run_fresh({**request, "part": "training"})
    return NetworkCosts(**{"train_peak_memory_mb": None, "train_batch_size": None, **measured, **training})


def _run_fresh(request: dict[str, Any]) -> dict[str, Any]:
    """Run `analysis.cost_measurement` on a request and return its answer."""
    # The process must find these packages even when the project runs from a folder and is not installed.
    root = str(Path(__file__).resolve().parents[1])
    search_path = os.pathsep.join(path for path in (root, os.environ.get("PYTHONPATH")) if path)
    done = subprocess.run(
        [sys.executable, "-m", "analysis.cost_measurement"],
        input=json.dumps(request),
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": search_path},
        timeout=LONGEST_MEASUREMENT_S,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        network = f"{request['config']['architecture']} with {request['config']['encoder']}"
        raise RuntimeError(f"measuring the costs of {network} failed: {reason}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
