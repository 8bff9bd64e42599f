"""OpenVINO's core leaves the handlers of signals alone."""

import subprocess
import sys
import threading

import pytest

from trainables.runtimes.openvino_core import in_a_passing_thread, openvino_core

NETWORK_LET_GO = """
import gc, signal, subprocess, threading
import numpy as np
import openvino
from openvino import opset13
from trainables.runtimes.openvino_core import in_a_passing_thread, openvino_core

def compiled(core):
    image = opset13.parameter([1, 3, 8, 8], np.float32)
    return core.compile_model(openvino.Model([opset13.relu(image)], [image]), "CPU")

networks = [compiled(openvino_core()), in_a_passing_thread(lambda: compiled(openvino.Core()))]
assert (networks[0](np.ones((1, 3, 8, 8), np.float32))[0] == 1).all()
last = threading.Thread(target=lambda: (networks.clear(), gc.collect()))
last.start()
last.join()
handled = []
signal.signal(signal.SIGCHLD, lambda *_: handled.append(True))
subprocess.run(["true"], check=True)
assert handled
"""


def test_the_core_is_one_and_names_the_processor() -> None:
    pytest.importorskip("openvino")
    core = openvino_core()
    assert core is openvino_core()
    assert core.get_property("CPU", "FULL_DEVICE_NAME")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal for the end of a child")
def test_a_child_may_end_after_another_thread_let_the_networks_go() -> None:
    pytest.importorskip("openvino")
    ended = subprocess.run([sys.executable, "-c", NETWORK_LET_GO], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_what_the_call_returns_or_raises_comes_back_and_its_thread_has_ended() -> None:
    thread = in_a_passing_thread(threading.current_thread)
    assert thread is not threading.main_thread()
    assert not thread.is_alive()
    with pytest.raises(ZeroDivisionError):
        in_a_passing_thread(lambda: 1 / 0)
