"""The fresh process in which `analysis.costs` measures one network: a request in, an answer out, both JSON.

Run as `python -m analysis.cost_measurement` with the request on standard input; the last line of standard
output is the answer. People use `python -m analysis.benchmark`.
"""

import io
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from analysis.process_memory import MEGABYTE, peak_process_memory_mb
from spaces.configuration import TrialConfig
from trainables.models import create_model
from trainables.models.segmentation_model import SegmentationModel

WARMUP_BLOCK = 5
WARMUP_TOLERANCE = 0.05
"""Warm-up ends when the median of a block of runs is within this share of the block before."""

WARMUP_LONGEST_S = {"quick": 3.0, "full": 10.0}
LATENCY_SAMPLES = {"quick": 20, "full": 100}
LATENCY_LONGEST_S = {"quick": 4.0, "full": 30.0}
LATENCY_FEWEST_SAMPLES = 5
THROUGHPUT_BATCHES = {
    ("cpu", "quick"): (1, 4),
    ("cpu", "full"): (1, 2, 4, 8),
    ("cuda", "quick"): (1, 16),
    ("cuda", "full"): (1, 8, 16, 32, 64),
}
THROUGHPUT_RUNS = {"quick": 3, "full": 10}
THROUGHPUT_LONGEST_S = {"quick": 2.0, "full": 10.0}
"""Per batch size; at least `LATENCY_FEWEST_SAMPLES` runs, or all of them if they are fewer, are timed."""
CPU_TRAIN_BATCH = 2
"""The smallest batch that every architecture can train on; the recipe's batches take minutes on a CPU."""


def main() -> None:
    """Answer the request on standard input."""
    request = json.load(sys.stdin)
    if request["threads"] is not None:
        torch.set_num_threads(request["threads"])
    torch.manual_seed(0)
    config = TrialConfig.model_validate(request["config"])
    device = torch.device(request["device"])
    runtime_memory = peak_process_memory_mb()
    model = create_model(config, classes=request["classes"])
    memory_format = torch.channels_last if request["layout"] == "channels_last" else torch.contiguous_format
    model = model.to(device).to(memory_format=memory_format)
    if request["part"] == "training":
        answer = _measure_training(model, config, device, memory_format)
    else:
        protocol = "quick" if request["quick"] else "full"
        answer = _measure_inference(model, config, device, memory_format, protocol)
        answer |= {
            "architecture": config.architecture,
            "encoder": config.encoder,
            "input_size": config.crop_size,
            "classes": request["classes"],
            "device": describe_device(device),
            "runtime_memory_mb": runtime_memory,
            "runtime": "PyTorch eager",
            "precision": "float32",
            "layout": request["layout"],
            "threads": torch.get_num_threads(),
            "torch_version": str(torch.__version__),
        }
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


def describe_device(device: torch.device) -> str:
    """Name a device for people: the GPU's or the processor's model."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    processors = Path("/proc/cpuinfo")
    if processors.is_file():
        for line in processors.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return f"CPU {line.partition(':')[2].strip()}"
    return f"CPU {platform.processor() or platform.machine()}"


def count_macs(model: torch.nn.Module, images: Tensor) -> int:
    """Multiply-accumulates of one forward pass; operators unknown to the counter count as zero."""
    with FlopCounterMode(display=False) as counter:
        model(images)
    return int(counter.get_total_flops()) // 2


@torch.inference_mode()
def _measure_inference(
    model: SegmentationModel,
    config: TrialConfig,
    device: torch.device,
    memory_format: torch.memory_format,
    protocol: str,
) -> dict[str, Any]:
    model.eval()

    def batch(size: int) -> Tensor:
        images = torch.randn(size, 3, config.crop_size, config.crop_size, device=device)
        return images.contiguous(memory_format=memory_format)

    one = batch(1)
    _reset_peak(device)
    _warm_up(lambda: model.probabilities(one), device, WARMUP_LONGEST_S[protocol])
    timings = _time(lambda: model.probabilities(one), device, LATENCY_SAMPLES[protocol], LATENCY_LONGEST_S[protocol])
    # Read before larger batches raise it.
    peak = _peak_memory_mb(device)
    deciles = statistics.quantiles(timings, n=10, method="inclusive")
    best_rate, best_size = 0.0, 1
    for size in THROUGHPUT_BATCHES[device.type, protocol]:
        try:
            rate = _throughput(model, batch(size), device, protocol)
        except torch.OutOfMemoryError:
            break
        best_rate, best_size = max((best_rate, best_size), (rate, size))
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "macs": count_macs(model, one),
        "checkpoint_mb": _checkpoint_mb(model),
        "latency_ms_p50": statistics.median(timings),
        "latency_ms_p90": deciles[8],
        "latency_samples": len(timings),
        "throughput_img_s": best_rate,
        "throughput_batch_size": best_size,
        "peak_memory_mb": peak,
    }


def _measure_training(
    model: SegmentationModel,
    config: TrialConfig,
    device: torch.device,
    memory_format: torch.memory_format,
) -> dict[str, Any]:
    """Peak memory of a training step; two are done, since momentum is allocated in the first."""
    size = config.batch_size if device.type == "cuda" else CPU_TRAIN_BATCH
    side = config.crop_size
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    images = torch.randn(size, 3, side, side, device=device).contiguous(memory_format=memory_format)
    labels = torch.zeros(size, side, side, dtype=torch.int64, device=device)
    _reset_peak(device)
    for _ in range(2):
        optimizer.zero_grad(set_to_none=True)
        losses = [torch.nn.functional.cross_entropy(logits, labels) for logits in model(images).unbind(1)]
        torch.stack(losses).mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return {"train_peak_memory_mb": _peak_memory_mb(device), "train_batch_size": size}


def _warm_up(run: Callable[[], object], device: torch.device, longest_s: float) -> None:
    """Run until the median of a block is that of the block before, or time is up."""
    deadline = time.perf_counter() + longest_s
    previous = float("nan")  # agrees with nothing, so that two blocks are run at least
    while time.perf_counter() < deadline:
        current = statistics.median(_time(run, device, WARMUP_BLOCK, longest_s))
        if abs(current - previous) <= WARMUP_TOLERANCE * previous:
            return
        previous = current


def _time(run: Callable[[], object], device: torch.device, samples: int, longest_s: float) -> list[float]:
    """Time single runs, ms: `samples` of them, or as many as fit in `longest_s`, but at least a few."""
    deadline = time.perf_counter() + longest_s
    timings: list[float] = []
    while len(timings) < samples and (
        len(timings) < min(samples, LATENCY_FEWEST_SAMPLES) or time.perf_counter() < deadline
    ):
        timings.append(_time_once(run, device))
    return timings


def _time_once(run: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        torch.cuda.synchronize(device)
        start.record()
        run()
        end.record()
        torch.cuda.synchronize(device)
        return float(start.elapsed_time(end))
    started = time.perf_counter()
    run()
    return (time.perf_counter() - started) * 1e3


def _throughput(model: SegmentationModel, images: Tensor, device: torch.device, protocol: str) -> float:
    """Images per second, from the median time of a batch."""
    _time_once(lambda: model.probabilities(images), device)
    timings = _time(
        lambda: model.probabilities(images),
        device,
        THROUGHPUT_RUNS[protocol],
        THROUGHPUT_LONGEST_S[protocol],
    )
    return len(images) / statistics.median(timings) * 1e3


def _checkpoint_mb(model: SegmentationModel) -> float:
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    return buffer.tell() / MEGABYTE


def _reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def _peak_memory_mb(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) / MEGABYTE
    return peak_process_memory_mb()


if __name__ == "__main__":
    main()
