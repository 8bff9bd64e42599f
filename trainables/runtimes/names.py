"""The runtimes and what each can compute in; loads none of them."""

import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass

from spaces.errors import InputError

FLOAT32, BFLOAT16, FLOAT16, INT8 = "float32", "bfloat16", "float16", "int8"
PRECISIONS = (FLOAT32, BFLOAT16, FLOAT16, INT8)


@dataclass(frozen=True, slots=True)
class RuntimeKind:
    """A runtime, before it is loaded.

    Attributes:
        title: Its name for people, and in the column `runtime`.
        package: The package whose version counts.
        module: The Python module that runs networks.
        exporters: Modules that write the files it reads, and
        int8_exporters: what int8 needs besides.
        precisions: What it can compute in on a CPU, and
        cuda_precisions: on a CUDA device; empty where it can't use one.
    """

    title: str
    package: str
    module: str
    precisions: tuple[str, ...]
    cuda_precisions: tuple[str, ...]
    exporters: tuple[str, ...] = ()
    int8_exporters: tuple[str, ...] = ()

    def precisions_on(self, device: str) -> tuple[str, ...]:
        """What it can compute in on "cpu", "cuda" or "cuda:N"."""
        return self.precisions if device == "cpu" else self.cuda_precisions


EAGER = "torch_eager"
COMPILED = "torch_compile"

_ONNX = ("onnx", "onnxscript")

RUNTIME_KINDS = {
    EAGER: RuntimeKind("PyTorch eager", "torch", "torch", (FLOAT32, BFLOAT16), (FLOAT32, BFLOAT16, FLOAT16)),
    COMPILED: RuntimeKind("torch.compile", "torch", "torch", (FLOAT32, BFLOAT16), (FLOAT32, BFLOAT16, FLOAT16)),
    "onnx_runtime": RuntimeKind("ONNX Runtime", "onnxruntime", "onnxruntime", (FLOAT32, INT8), (), _ONNX),
    "openvino": RuntimeKind("OpenVINO", "openvino", "openvino", (FLOAT32, BFLOAT16, INT8), (), _ONNX, ("nncf",)),
}
"""By the name that `--runtimes` takes."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to run a network: name of a runtime, precision."""

    runtime: str
    precision: str


def variants_of(runtimes: str, precisions: str, *, device: str) -> tuple[Variant, ...]:
    """The ways that two options ask for, those that no runtime offers on the device left out.

    Args:
        runtimes: Names with commas between, or "all", which leaves out what is not installed here.
        precisions: Precisions with commas between, or "all".
        device: "cpu", "cuda" or "cuda:N".

    Raises:
        InputError: A name is unknown, what was named is not installed, or nothing is left.
    """
    names = tuple(RUNTIME_KINDS) if runtimes == "all" else _named(runtimes, "--runtimes", tuple(RUNTIME_KINDS))
    wanted = PRECISIONS if precisions == "all" else _named(precisions, "--precisions", PRECISIONS)
    offered = tuple(
        Variant(name, precision)
        for name in names
        for precision in wanted
        if precision in RUNTIME_KINDS[name].precisions_on(device)
    )
    lacking = {variant: lack for variant in offered if (lack := _lack(variant, device)) is not None}
    found = tuple(variant for variant in offered if variant not in lacking)
    if lacking and (runtimes != "all" or not found):
        variant, lack = next(iter(lacking.items()))
        raise InputError(f"--runtimes {variant.runtime}: {variant.precision} {lack}")
    if not found:
        offers = "; ".join(
            f"{name} {', '.join(RUNTIME_KINDS[name].precisions_on(device)) or 'nothing'}" for name in names
        )
        raise InputError(
            f"--precisions {precisions}: none of --runtimes {runtimes} has it on {device}; there are: {offers}"
        )
    return found


def check_variant(variant: Variant, *, device: str) -> None:
    """Make sure that a network which is there already can be run in some way.

    Raises:
        InputError: The runtime has not that precision on the device, or something is not installed.
    """
    offered = RUNTIME_KINDS[variant.runtime].precisions_on(device)
    if variant.precision not in offered:
        raise InputError(
            f"--precision {variant.precision}: {variant.runtime} does not have it on {device}; "
            f"there {'are ' + ', '.join(offered) if offered else 'is nothing'}"
        )
    lack = _lack(variant, device, exports=False)
    if lack is not None:
        raise InputError(f"--runtime {variant.runtime}: {lack}")


def _named(text: str, option: str, known: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names or ("",):
        if name not in known:
            raise InputError(f"{option} {name!r}: unknown; there are {', '.join(known)} and all")
    return names


def _lack(variant: Variant, device: str, *, exports: bool = True) -> str | None:
    """What a variant can't run for, and what would be right; None where all is there.

    Args:
        variant: What is to run.
        device: "cpu", "cuda" or "cuda:N".
        exports: Whether the files that it reads are still to be written.
    """
    kind = RUNTIME_KINDS[variant.runtime]
    exporters = (*kind.exporters, *(kind.int8_exporters if variant.precision == INT8 else ())) if exports else ()
    absent = [module for module in (kind.module, *exporters) if importlib.util.find_spec(module) is None]
    if absent:
        return f'needs {", ".join(absent)}, not installed; right is pip install -e ".[export]" first'
    if variant.runtime == COMPILED and device == "cpu" and shutil.which(_compiler()) is None:
        return f"needs a C++ compiler, and there is no {_compiler()}; right is to install one, or to name it in CXX"
    if variant.runtime == COMPILED and device != "cpu" and importlib.util.find_spec("triton") is None:
        return "needs triton, not installed; right is pip install triton first, where the system has it"
    return None


def _compiler() -> str:
    """The C++ compiler that `torch.compile` calls."""
    usual = {"win32": "cl", "darwin": "clang++"}.get(sys.platform, "g++")
    return os.environ.get("CXX", usual)
