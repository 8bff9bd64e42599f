"""Which architectures there are, and how one is built from a configuration."""

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from spaces.configuration import TrialConfig
from spaces.errors import InputError

if TYPE_CHECKING:
    from trainables.models.segmentation_model import SegmentationModel

_Model = TypeVar("_Model", bound="Callable[..., SegmentationModel]")

_REGISTRATION = re.compile(r'^@register_model\("([^"\n]+)"\)', re.MULTILINE)

_registered: dict[str, "Callable[..., SegmentationModel]"] = {}


def register_model(name: str) -> Callable[[_Model], _Model]:
    """Register the decorated `SegmentationModel` as an architecture.

    Args:
        name: What `TrialConfig.architecture` calls it. Write it as a literal, the decorator at the start of a
            line: the names are read off the files of this folder, so that asking for them loads no torch.

    Returns:
        The decorator, which raises `ValueError` where another class has that name.
    """

    def register(model: _Model) -> _Model:
        holder = _registered.setdefault(name, model)
        if holder is not model:
            raise ValueError(f"two models are registered as {name!r}: {holder!r} and {model!r}")
        return model

    return register


def model_names() -> tuple[str, ...]:
    """Names of all registered architectures, sorted."""
    return tuple(sorted({*_architecture_modules(), *_registered}))


def create_model(config: TrialConfig, *, classes: int) -> "SegmentationModel":
    """Build the network of a configuration, with freshly initialised weights.

    The weights are a pure function of `config`, `classes` and the state of torch's random generator.

    Args:
        config: Its `architecture`, `encoder`, `heads`, `head_dropout` and `decoder_width` decide the network.
        classes: Number of classes, at least 2.

    Returns:
        The model, in training mode, on the CPU, float32.

    Raises:
        InputError: The architecture is not registered, or the encoder is unknown or does not fit it.
        ValueError: `classes` is less than 2.
    """
    if classes < 2:
        raise ValueError(f"a segmentation needs at least 2 classes, not {classes}")
    name = config.architecture
    if name not in _registered:
        module = _architecture_modules().get(name)
        if module is None:
            raise InputError(f"architecture: {name!r} is not a model; there are {', '.join(model_names())}")
        importlib.import_module(f"{__package__}.{module}")
    return _registered[name](config, classes=classes)


def _architecture_modules() -> dict[str, str]:
    """Registered name -> name of the module in this folder that registers it."""
    return {
        name: path.stem
        for path in sorted(Path(__file__).parent.glob("*.py"))
        for name in _REGISTRATION.findall(path.read_text(encoding="utf-8"))
    }
