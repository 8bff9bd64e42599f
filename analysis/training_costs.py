"""What a training step of a network costs; runs in a process of `analysis.cost_measurement`."""

import statistics
import time
from typing import Any

import torch

from spaces.configuration import TrialConfig
from trainables.compute.process_memory import MEGABYTE, peak_process_memory_mb
from trainables.models import create_model

TIMED_STEPS = 10
LONGEST_S = 30.0
FEWEST_STEPS = 3


def measure_training(
    config: TrialConfig, *, classes: int, device: str, layout: str, threads: int | None, batch: int, quick: bool
) -> dict[str, Any]:
    """Take float32 steps of the network alone: forward, cross-entropy of each head, backward, SGD with momentum.

    Args:
        config: Decides the network.
        classes: Number of classes.
        device: "cpu", "cuda" or "cuda:N".
        layout: "channels_last" or "contiguous".
        threads: CPU threads; None for PyTorch's choice.
        batch: Images of a step.
        quick: Take no more steps than the memory needs, and time none.

    Returns:
        `train_peak_memory_mb` of the process or, on CUDA, of the device; `train_batch_size`; and
        `train_steps_per_second`, from the median of the steps after the first two.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    torch.manual_seed(0)
    place = torch.device(device)
    memory_format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    model: Any = create_model(config, classes=classes).to(place)
    model = model.to(memory_format=memory_format).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    side = config.crop_size
    images = torch.randn(batch, 3, side, side, device=place).contiguous(memory_format=memory_format)
    labels = torch.zeros(batch, side, side, dtype=torch.int64, device=place)
    cuda = place.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats(place)

    def step() -> float:
        started = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        losses = [torch.nn.functional.cross_entropy(logits, labels) for logits in model(images).unbind(1)]
        torch.stack(losses).mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if cuda:
            torch.cuda.synchronize(place)
        return time.perf_counter() - started

    # Momentum is allocated in the first step, and beside it stands the second.
    for _ in range(2):
        step()
    seconds: list[float] = []
    deadline = time.perf_counter() + LONGEST_S
    while not quick and len(seconds) < TIMED_STEPS and (len(seconds) < FEWEST_STEPS or time.perf_counter() < deadline):
        seconds.append(step())
    peak = torch.cuda.max_memory_allocated(place) / MEGABYTE if cuda else peak_process_memory_mb()
    return {
        "train_peak_memory_mb": peak,
        "train_batch_size": batch,
        "train_steps_per_second": 1 / statistics.median(seconds) if seconds else None,
    }
