"""Which class is which runtime; a runtime's module is loaded when it is asked for."""

import importlib

from trainables.runtimes.runtime import Circumstances, NetworkFiles, Runtime

_CLASSES = {
    "torch_eager": "TorchEager",
    "torch_compile": "TorchCompile",
    "onnx_runtime": "OnnxRuntime",
    "openvino": "OpenVino",
}
"""Class by name; the module in this package has the runtime's name."""


def create_runtime(name: str, files: NetworkFiles, circumstances: Circumstances) -> Runtime:
    """Create a runtime of `names.RUNTIME_KINDS` for a network; nothing is loaded yet."""
    module = importlib.import_module(f"{__package__}.{name}")
    runtime: Runtime = getattr(module, _CLASSES[name])(files, circumstances)
    return runtime
