"""The process in which `benchmarks.exported_speed` times SMP's own UNet."""

import statistics
import time
from typing import Any

import segmentation_models_pytorch as smp
import torch

from analysis.cost_measurement import timed, warm_up
from analysis.measuring_process import answer_questions

LONGEST_S = 30.0


@torch.inference_mode()
def measure(*, size: int, samples: int, threads: int) -> dict[str, Any]:
    """Median milliseconds of one image, eager float32, in the faster of torch's two memory layouts.

    The softmax is left out, to its own advantage.
    """
    torch.set_num_threads(threads)
    medians = []
    for memory_format in (torch.contiguous_format, torch.channels_last):
        model: Any = smp.Unet("mobilenet_v2", encoder_weights=None, classes=7).eval()
        model = model.to(memory_format=memory_format)
        images = torch.randn(1, 3, size, size).contiguous(memory_format=memory_format)

        def once(model: Any = model, images: torch.Tensor = images) -> float:
            started = time.perf_counter()
            model(images)
            return (time.perf_counter() - started) * 1e3

        warm_up(once, LONGEST_S / 3)
        medians.append(statistics.median(timed(once, samples, LONGEST_S)))
    return {"p50": min(medians)}


if __name__ == "__main__":
    answer_questions(measure)
