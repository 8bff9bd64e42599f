"""Energy that the machine has used, where it tells it: Intel's and AMD's RAPL counters on Linux, NVIDIA's NVML.

Counters are of whole packages or devices, so what else runs is counted too.
"""

import ctypes
import sys
from pathlib import Path

RAPL = Path("/sys/class/powercap")


class EnergyMeter:
    """Reads the counters of the processor packages, or of one CUDA device.

    Args:
        device: "cpu", "cuda" or "cuda:N".
    """

    def __init__(self, device: str, *, rapl: Path = RAPL) -> None:
        self._packages = [] if device != "cpu" else [zone for zone in sorted(rapl.glob("*-rapl:*")) if _readable(zone)]
        self._gpu = None if device == "cpu" else _Gpu.find(_uuid(device))

    def read_joules(self) -> tuple[float, ...]:
        """Counters now, J, one per package or device; empty where the machine tells none."""
        if self._gpu is not None:
            return (self._gpu.joules(),)
        return tuple(_microjoules(zone / "energy_uj") / 1e6 for zone in self._packages)

    def joules_since(self, before: tuple[float, ...]) -> float | None:
        """Energy used since an earlier reading, J; None where the machine tells none."""
        now = self.read_joules()
        if not now or len(now) != len(before):
            return None
        total = 0.0
        for place, (earlier, later) in enumerate(zip(before, now, strict=True)):
            spent = later - earlier
            if spent < 0 and self._packages:
                # The counter went over its end, which it does every few minutes to hours.
                spent += _microjoules(self._packages[place] / "max_energy_range_uj") / 1e6
            total += spent
        return total


def _readable(zone: Path) -> bool:
    """Whether a zone is a whole package and may be read, which often only the administrator may.

    Other zones are parts of packages, or the whole machine (psys), which holds the packages again.
    """
    if zone.name.count(":") != 1:
        return False
    try:
        _microjoules(zone / "energy_uj")
        return (zone / "name").read_text(encoding="ascii").startswith("package")
    except (OSError, ValueError):
        return False


def _microjoules(path: Path) -> int:
    return int(path.read_text(encoding="ascii"))


def _uuid(device: str) -> str:
    """A CUDA device's own number, which is the same to NVML, whatever CUDA_VISIBLE_DEVICES hides or reorders."""
    import torch

    return f"GPU-{torch.cuda.get_device_properties(torch.device(device)).uuid}"


class _Gpu:
    """A device's counter through NVIDIA's management library, which comes with the driver."""

    def __init__(self, library: ctypes.CDLL, handle: ctypes.c_void_p) -> None:
        self._library = library
        self._handle = handle

    @classmethod
    def find(cls, uuid: str) -> "_Gpu | None":
        try:
            library = ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
        except OSError:
            return None
        handle = ctypes.c_void_p()
        if library.nvmlInit_v2() or library.nvmlDeviceGetHandleByUUID(uuid.encode(), ctypes.byref(handle)):
            return None
        energy = ctypes.c_ulonglong()
        if library.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(energy)):
            return None
        return cls(library, handle)

    def joules(self) -> float:
        energy = ctypes.c_ulonglong()
        if self._library.nvmlDeviceGetTotalEnergyConsumption(self._handle, ctypes.byref(energy)):
            raise RuntimeError("the GPU stopped telling its energy")
        return energy.value / 1e3
