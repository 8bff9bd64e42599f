"""The machine or machines that trainings run on."""

import os
import shutil
from dataclasses import dataclass

GIGABYTE = 1e9
"""Bytes."""

IMAGE_CACHE_SHARE = 0.25
"""Share of a machine's memory that decoded images may take: the trials' processes need the rest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Machines:
    """What there is to run on: this machine, or the whole of a Ray cluster.

    Attributes:
        cpus: CPU cores.
        gpus: GPUs that torch can use.
        description: One line for people.
        memory_gb: Memory of a machine, GB of 1e9 bytes; of a cluster, of a node on average.
        warning: A GPU that is there but can't be used, and why, or None.
        grows: Whether nodes may be added when trials wait for them.
    """

    cpus: int
    gpus: int
    description: str
    memory_gb: float
    warning: str | None = None
    grows: bool = False


def this_machine() -> Machines:
    """Look at this machine; imports torch."""
    import platform

    import psutil
    import torch

    cpus = _usable_cpus()
    memory = psutil.virtual_memory().total / GIGABYTE
    if torch.cuda.is_available():
        gpus = torch.cuda.device_count()
        description = f"{gpus} x {torch.cuda.get_device_name(0)}, {cpus} CPU cores"
        return Machines(cpus=cpus, gpus=gpus, description=description, memory_gb=memory)
    warning = None
    if shutil.which("nvidia-smi") is not None and _lists_a_gpu():
        build = "has no CUDA support" if torch.version.cuda is None else f"is built for CUDA {torch.version.cuda}"
        warning = (
            f"a GPU is there, but torch {torch.__version__} ({build}) can't use it: trials run on the CPU. "
            "Install a torch that fits the driver."
        )
    processor = platform.processor() or platform.machine()
    description = f"{cpus} CPU cores ({processor})"
    return Machines(cpus=cpus, gpus=0, description=description, memory_gb=memory, warning=warning)


def default_image_cache_gb(machines: Machines) -> float:
    """Bound of a node's decoded images where no option says it."""
    return round(machines.memory_gb * IMAGE_CACHE_SHARE, 1)


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _lists_a_gpu() -> bool:
    import subprocess

    try:
        answer = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and "GPU" in answer.stdout
