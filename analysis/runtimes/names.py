"""The runtimes and what each can compute in; loads none of them."""

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
        module: The Python module that must be there.
        precisions: What it can compute in on a CPU, and
        cuda_precisions: on a CUDA device; empty where it can't use one.
    """

    title: str
    package: str
    module: str
    precisions: tuple[str, ...]
    cuda_precisions: tuple[str, ...]

    def precisions_on(self, device: str) -> tuple[str, ...]:
        """What it can compute in on "cpu", "cuda" or "cuda:N"."""
        return self.precisions if device == "cpu" else self.cuda_precisions


EAGER = "torch_eager"

RUNTIME_KINDS = {
    EAGER: RuntimeKind("PyTorch eager", "torch", "torch", (FLOAT32, BFLOAT16), (FLOAT32, BFLOAT16, FLOAT16)),
    "torch_compile": RuntimeKind("torch.compile", "torch", "torch", (FLOAT32, BFLOAT16), (FLOAT32, BFLOAT16, FLOAT16)),
    "onnx_runtime": RuntimeKind("ONNX Runtime", "onnxruntime", "onnxruntime", (FLOAT32, INT8), ()),
    "openvino": RuntimeKind("OpenVINO", "openvino", "openvino", (FLOAT32, BFLOAT16, INT8), ()),
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
        runtimes: Names with commas between, or "all", which leaves out runtimes that are not installed.
        precisions: Precisions with commas between, or "all".
        device: "cpu", "cuda" or "cuda:N".

    Raises:
        InputError: A name is unknown, a runtime that was named is not installed, or nothing is left.
    """
    names = tuple(RUNTIME_KINDS) if runtimes == "all" else _named(runtimes, "--runtimes", tuple(RUNTIME_KINDS))
    wanted = PRECISIONS if precisions == "all" else _named(precisions, "--precisions", PRECISIONS)
    missing = [name for name in names if not _installed(RUNTIME_KINDS[name].module)]
    if missing and runtimes != "all":
        raise InputError(f'--runtimes {missing[0]}: not installed; right is pip install -e ".[export]" first')
    found = tuple(
        Variant(name, precision)
        for name in names
        if name not in missing
        for precision in wanted
        if precision in RUNTIME_KINDS[name].precisions_on(device)
    )
    if not found:
        offers = "; ".join(
            f"{name} {', '.join(RUNTIME_KINDS[name].precisions_on(device)) or 'nothing'}" for name in names
        )
        raise InputError(
            f"--precisions {precisions}: none of --runtimes {runtimes} has it on {device}; there are: {offers}"
        )
    return found


def _named(text: str, option: str, known: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names or ("",):
        if name not in known:
            raise InputError(f"{option} {name!r}: unknown; there are {', '.join(known)} and all")
    return names


def _installed(module: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(module) is not None
