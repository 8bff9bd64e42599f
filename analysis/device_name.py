"""The name of a device."""

import platform
from pathlib import Path


def device_name(device: str) -> str:
    """Name "cpu", "cuda" or "cuda:N" for people: the processor's or the GPU's model."""
    if device != "cpu":
        import torch

        return str(torch.cuda.get_device_name(torch.device(device)))
    processors = Path("/proc/cpuinfo")
    if processors.is_file():
        for line in processors.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return f"CPU {line.partition(':')[2].strip()}"
    return f"CPU {platform.processor() or platform.machine()}"
