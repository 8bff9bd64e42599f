"""How much memory this process has needed."""

import sys
from pathlib import Path

MEGABYTE = 1e6
"""Bytes."""


def peak_process_memory_mb() -> float:
    """Largest resident memory this process has had so far, MB of 1e6 bytes; on Linux, macOS and Windows."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Not getrusage: on Linux a new process inherits its ru_maxrss from the one that started it.
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / MEGABYTE
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / MEGABYTE
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MEGABYTE
