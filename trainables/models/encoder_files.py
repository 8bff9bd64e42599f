"""Encoder weights from a file: torchvision's, SMP's, or an SMP model's, as .pt/.pth or .safetensors."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from spaces.errors import InputError
from trainables.models.encoders import create_encoder, fitting_state

_MODEL_PREFIX = "encoder."


def read_encoder_state(name: str, path: Path) -> dict[str, Tensor]:
    """Read a file of weights and check it against the encoder that it is for.

    Files are read as data only (`weights_only=True`): a file that holds code is refused.

    Args:
        name: The encoder, as SMP spells it.
        path: A state dict of torchvision's or SMP's network (a classifier in it is ignored), or of a whole
            SMP model ("encoder." before each name). Saved by `torch.save`, or as ".safetensors".

    Returns:
        A complete state dict of SMP's encoder, on the CPU.

    Raises:
        InputError: There is no such file, it can't be read, it is not a state dict, or does not fit the
            encoder.
    """
    state = _read_state(name, path)
    if any(key.startswith(_MODEL_PREFIX) for key in state):
        state = {key.removeprefix(_MODEL_PREFIX): state[key] for key in state if key.startswith(_MODEL_PREFIX)}
    with torch.random.fork_rng(devices=[]):
        needed = create_encoder(name).state_dict()
    try:
        return fitting_state(needed, state)
    except ValueError as error:
        raise InputError(
            f"--encoder-weights: {path} does not fit {name}: it {error}; "
            f"give a state dict of torchvision's or SMP's {name}"
        ) from error


def _read_state(name: str, path: Path) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise InputError(f"--encoder-weights: the file for {name}, {path}, is not there; give an existing file")
    try:
        if path.suffix == ".safetensors":
            content: object = load_file(path, device="cpu")
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # What a damaged file makes the readers raise has no common type; the file is at fault.
        raise InputError(
            f"--encoder-weights: the file for {name}, {path}, can't be read as weights "
            f"({type(error).__name__}); give a state dict saved by torch.save, or .safetensors"
        ) from error
    if not isinstance(content, Mapping) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items()
    ):
        raise InputError(
            f"--encoder-weights: {path} holds no state dict of {name} but {type(content).__name__}; "
            "save model.state_dict() itself"
        )
    return content
