"""What predicts: best checkpoints and exported files, each in a runtime, alone or several as one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from trainables.compute.precision import ComputeLayout
from trainables.data.colour_statistics import IMAGENET_MEAN, IMAGENET_STD
from trainables.data.dataset import ClassMapping
from trainables.evaluation.ensemble import Member
from trainables.evaluation.sliding_window import WINDOWS_PER_BATCH
from trainables.export.metadata import DeployedModel, read_metadata
from trainables.runtimes.names import COMPILED, EAGER, Variant, check_variant
from trainables.runtimes.registry import create_runtime
from trainables.runtimes.runtime import Circumstances, NetworkFiles
from trainables.runtimes.runtime_model import RuntimeModel
from trainables.trained_network import file_digest, read_trained_network

_RUNTIMES = {".pt": (EAGER, COMPILED), ".onnx": ("onnx_runtime", "openvino"), ".xml": ("openvino",)}
"""What can run a file, by its suffix, the default first."""

_WINDOW_OF_BATCH = 256
"""Side of the windows, px, of which so many are computed at once; of larger ones fewer."""

_WINDOWS_ON_CPU = 4
"""At once: 16 took no less time, and half a GB more with DeepLabV3+."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """How networks are to run; None leaves the choice to each file.

    Attributes:
        runtime: Name of a runtime.
        precision: One that the runtime offers.
        device: "cpu", "cuda" or "cuda:N".
        window: Side of the windows, px of the photo at the network's scale.
        batch: Windows at once.
        threads: CPU threads within one operator.
    """

    runtime: str | None = None
    precision: str | None = None
    device: str | None = None
    window: int | None = None
    batch: int | None = None
    threads: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Networks:
    """Networks that predict as one, with the mean of their probabilities.

    Attributes:
        members: Ready to predict, on one device.
        classes: What they predict.
        batch_sizes: Windows at once, for each member.
        identity: What decides their predictions: equal identities, equal masks.
        description: One line for people.
    """

    members: tuple[Member, ...]
    classes: ClassMapping
    batch_sizes: tuple[int, ...]
    identity: tuple[tuple[str, ...], ...]
    description: str


@dataclass(frozen=True, slots=True)
class _File:
    """A file before it is loaded."""

    path: Path
    config: TrialConfig
    classes: ClassMapping
    digest: str
    exported: DeployedModel | None


def load_networks(paths: Sequence[Path], wishes: Wishes) -> Networks:
    """Load networks for prediction.

    Raises:
        InputError: A file is not one of ours, what is wished for does not go with it, or classes differ.
    """
    import torch

    for path in paths:
        _check_runtime(path, wishes.runtime)
    files = [_described(path) for path in paths]
    first = files[0]
    for other in files[1:]:
        if other.classes != first.classes:
            raise InputError(
                f"--checkpoint {other.path}: its classes are {_names(other)}, but those of {first.path} are "
                f"{_names(first)}; networks with equal classes and colours can predict together"
            )
    device = wishes.device or _device(files)
    if device.startswith("cuda") and not _is_there(device):
        raise InputError(f"--device {device}: torch finds no such GPU; right is cpu")
    threads = wishes.threads or torch.get_num_threads()
    torch.set_num_threads(threads)
    loaded = [_loaded(file, wishes, device, threads) for file in files]
    sides = {member.config.crop_size for member, _, _ in loaded}
    return Networks(
        members=tuple(member for member, _, _ in loaded),
        classes=first.classes,
        batch_sizes=tuple(batch for _, batch, _ in loaded),
        identity=tuple(
            (file.digest, variant.runtime, variant.precision, str(member.config.crop_size))
            for file, (member, _, variant) in zip(files, loaded, strict=True)
        ),
        description=f"{', '.join(sorted({f'{variant.runtime} {variant.precision}' for _, _, variant in loaded}))} on "
        f"{device}, {threads} threads, windows of {' and '.join(f'{side} px' for side in sorted(sides))}",
    )


def _check_runtime(path: Path, runtime: str | None) -> None:
    if path.suffix not in _RUNTIMES:
        raise InputError(
            f"--checkpoint {path}: neither .pt, .onnx nor .xml; name a trial's best.pt, or what trainables.export wrote"
        )
    possible = _RUNTIMES[path.suffix]
    if runtime is not None and runtime not in possible:
        export = "; python -m trainables.export makes a file for other runtimes" if path.suffix == ".pt" else ""
        raise InputError(f"--runtime {runtime}: {path} runs in {' or '.join(possible)}{export}")


def _described(path: Path) -> _File:
    if path.suffix == ".pt":
        network = read_trained_network(path)
        classes = ClassMapping(network.class_names, network.class_colours)
        return _File(path, network.config, classes, network.sha256, None)
    check_variant(Variant(_RUNTIMES[path.suffix][0], "float32"), device="cpu")
    exported = read_metadata(path)
    if (exported.mean, exported.std) != (IMAGENET_MEAN, IMAGENET_STD):
        raise InputError(f"{path}: made for images normalised in another way; export the network again")
    try:
        config = TrialConfig.model_validate(exported.config)
    except ValidationError as error:
        raise InputError(f"{path}: its configuration can't be read; export the network again") from error
    classes = ClassMapping(tuple(one.name for one in exported.classes), tuple(one.colour for one in exported.classes))
    # An .xml names the digest of its weights, which was checked.
    return _File(path, config, classes, file_digest(path), exported)


def _loaded(file: _File, wishes: Wishes, device: str, threads: int) -> tuple[Member, int, Variant]:
    """A network ready to predict, its windows at once, and how it runs."""
    variant = Variant(wishes.runtime or _RUNTIMES[file.path.suffix][0], _precision(file, wishes.precision))
    check_variant(variant, device=device)
    side = _window(file, wishes.window)
    usual = _WINDOWS_ON_CPU if device == "cpu" else WINDOWS_PER_BATCH
    batch = wishes.batch or max(1, usual * _WINDOW_OF_BATCH**2 // max(side, _WINDOW_OF_BATCH) ** 2)
    config = file.config.model_copy(update={"crop_size": side})
    on_gpu = device != "cpu"
    channels_last = not on_gpu or variant.precision != "float32"
    files = NetworkFiles(file.path.parent, config, len(file.classes.names), single=file.path)
    layout = "channels_last" if channels_last else "contiguous"
    runtime = create_runtime(variant.runtime, files, Circumstances(device, variant.precision, layout, threads))
    try:
        runtime.load()
    except RuntimeError as error:
        raise InputError(f"--checkpoint {file.path}: its weights don't fit its configuration") from error
    multiple = runtime.model.size_multiple if hasattr(runtime, "model") else 1
    if side % multiple:
        raise InputError(f"--window {side}: {file.config.architecture} takes multiples of {multiple}")
    runtime.compile()
    # Arrays are computed one by one: on CPUs larger batches gain nothing and need more memory.
    model: Any = RuntimeModel(runtime, batch if runtime.takes_tensors else wishes.batch or 1)
    # The runtime knows its precision; who calls it has only to lay the windows out as it takes them.
    layout_of_windows = ComputeLayout("float32", channels_last=channels_last and runtime.takes_tensors)
    return Member(model, config, layout_of_windows), batch, variant


def _precision(file: _File, wished: str | None) -> str:
    if file.exported is None:
        return wished or "float32"
    if wished is not None and "int8" in (wished, file.exported.precision) and wished != file.exported.precision:
        raise InputError(f"--precision {wished}: {file.path} was exported in {file.exported.precision}")
    return wished or file.exported.precision


def _window(file: _File, wished: int | None) -> int:
    if file.exported is None:
        return wished or file.config.crop_size
    fixed, multiple = file.exported.input_size, file.exported.size_multiple
    if fixed is not None:
        if wished not in (None, fixed):
            raise InputError(f"--window {wished}: {file.path} takes {fixed} px alone; export it with --size dynamic")
        return fixed
    side = wished or file.config.crop_size
    if side % multiple:
        raise InputError(f"--window {side}: {file.path} takes multiples of {multiple}")
    return side


def _device(files: Sequence[_File]) -> str:
    """A GPU where all can use it."""
    import torch

    return "cuda" if torch.cuda.is_available() and all(file.exported is None for file in files) else "cpu"


def _is_there(device: str) -> bool:
    import torch

    return int(device.partition(":")[2] or 0) < torch.cuda.device_count()


def _names(file: _File) -> str:
    return ", ".join(file.classes.names)
