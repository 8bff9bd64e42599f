"""OpenVINO's code for the processor, loaded where no signal's handler can fall over it."""

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import openvino

_Result = TypeVar("_Result")


def in_a_passing_thread(call: Callable[[], _Result]) -> _Result:
    """What `call` returns or raises, run in a thread that ends with it.

    OpenVINO's code for the processor gives the thread that loads it a stack for the handlers of signals
    (`sigaltstack`), and frees that stack when it is unloaded, from whichever thread lets it go. Had the main thread
    loaded it, and another let it go, then the next signal that Python handles, Ctrl-C or the end of a loader's process,
    would kill the process. A thread that ends takes its stack's address along.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="openvino") as thread:
        return thread.submit(call).result()


@functools.cache
def openvino_core() -> "openvino.Core":
    """OpenVINO's core with the processor's code loaded, one for the whole process."""
    return in_a_passing_thread(_loaded)


def _loaded() -> "openvino.Core":
    import openvino

    core = openvino.Core()
    core.get_property("CPU", "FULL_DEVICE_NAME")
    return core
