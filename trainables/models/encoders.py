"""Encoders of segmentation-models-pytorch (SMP), and what a state dict must have to fit one."""

from collections.abc import Mapping
from typing import Protocol, cast

from segmentation_models_pytorch.encoders import (
    get_encoder,
    get_encoder_names,
    is_equivalent_to_timm_universal,
)
from torch import Tensor, nn

from spaces.errors import InputError

ENCODER_DEPTH = 5
"""All architectures use five halvings, to 1/32 (or its dilated form at 1/16)."""


UNSUITABLE_ENCODER_ERRORS = (
    ValueError,
    RuntimeError,
    NotImplementedError,
    AttributeError,
    KeyError,
    IndexError,
    TypeError,
)
"""What SMP and timm raise where an encoder does not exist or can't be built as it is asked for."""


class Encoder(Protocol):
    """What the decoders read off an encoder, besides calling it."""

    @property
    def out_channels(self) -> "tuple[int, ...] | list[int]":
        """Channels of the features, finest first, the image itself (3) included."""


def check_encoder_name(name: str) -> None:
    """Refuse a name that SMP does not know; names of timm's models, after "tu-", are left to timm.

    Raises:
        InputError: SMP has no such encoder.
    """
    if is_equivalent_to_timm_universal(name):
        # SMP takes both names; one network under two would be two values of a parameter.
        own = name.replace("timm-", "tu-tf_" if "mobilenetv3" in name else "tu-", 1)
        raise InputError(f"encoder: {name!r} is SMP's former name of {own}; write {own}")
    if not name.startswith("tu-") and name not in get_encoder_names():
        raise InputError(
            f"encoder: {name!r} is not an encoder of segmentation-models-pytorch; "
            "mobilenet_v2, resnet50 and efficientnet-b0 are some of them, tu- and a name of timm's is another"
        )


def create_encoder(name: str, *, output_stride: int = 32) -> nn.Module:
    """Build an encoder of SMP with freshly initialised weights.

    Args:
        name: As SMP spells it: "mobilenet_v2", "resnet50", or "tu-" and the name of a timm model.
        output_stride: 32, or 16 for the last stage dilated instead of strided.

    Returns:
        A module that maps (B, 3, H, W) to a list of six features, the image first; it also is an `Encoder`.

    Raises:
        InputError: SMP has no such encoder, or it can't be built with this output stride and five halvings.
    """
    check_encoder_name(name)
    try:
        encoder = get_encoder(name, depth=ENCODER_DEPTH, weights=None, output_stride=output_stride)
    except UNSUITABLE_ENCODER_ERRORS as error:
        raise InputError(
            f"encoder: {name!r} can't be built with five halvings and output stride {output_stride} "
            f"({' '.join(str(error).split())[:200]}); resnet50 and mobilenet_v2 can"
        ) from error
    if len(encoder.out_channels) != ENCODER_DEPTH + 1:
        raise InputError(
            f"encoder: {name!r} has {len(encoder.out_channels) - 1} feature levels; "
            f"an encoder with {ENCODER_DEPTH} is needed, such as mobilenet_v2 or resnet50"
        )
    return cast("nn.Module", encoder)


def encoder_channels(encoder: nn.Module) -> tuple[int, ...]:
    """Channels of an encoder's six features, finest first, the image itself (3) included."""
    return tuple(cast("Encoder", encoder).out_channels)


def fitting_state(needed: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Pick the entries that an encoder needs from a state dict that may hold more.

    Args:
        needed: State dict of the encoder.
        state: The state dict to pick from.

    Returns:
        The entries of `state` under the names in `needed`. Counters of batches (`num_batches_tracked`), which
        old files lack and nothing here uses, are left out where `state` has none.

    Raises:
        ValueError: An entry is missing or has another shape; the message says which, fit for one line.
    """
    missing = [key for key in needed if key not in state and not key.endswith(".num_batches_tracked")]
    if missing:
        raise ValueError(f"lacks {len(missing)} of the {len(needed)} entries needed, the first is {missing[0]!r}")
    for key, tensor in needed.items():
        if key in state and state[key].shape != tensor.shape:
            raise ValueError(f"entry {key!r} has shape {tuple(state[key].shape)}, needed is {tuple(tensor.shape)}")
    return {key: state[key] for key in needed if key in state}
