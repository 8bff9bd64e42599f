"""The architectures of segmentation-models-pytorch (SMP) with our heads, each called `smp.` and SMP's name for it."""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, cast

import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from segmentation_models_pytorch.decoders.linknet.decoder import LinknetDecoder
from torch import Tensor, nn

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from trainables.models.decoder_blocks import CHANNEL_MULTIPLE, INTERPOLATION, scaled_channels
from trainables.models.encoders import (
    ENCODER_DEPTH,
    UNSUITABLE_ENCODER_ERRORS,
    check_encoder_name,
    encoder_channels,
)
from trainables.models.heads import build_heads
from trainables.models.registry import register_model
from trainables.models.segmentation_model import SegmentationModel

PREFIX = "smp."


@dataclass(frozen=True, slots=True, kw_only=True)
class SmpArchitecture:
    """How one of SMP's models is built, and what its decoder reads.

    Attributes:
        build: SMP's class, or a function that is called like one.
        widths: Arguments that are channels of the decoder, at width 1: SMP's own defaults.
        multiple: What channels must be multiples of.
        others: Further arguments that differ from SMP's defaults. Dropout belongs to the heads, where the
            configuration sets it; enlarging is bilinear where SMP leaves the choice.
        levels: Which of the encoder's features the decoder reads, the images being number 0.
    """

    build: Callable[..., Any]
    widths: Mapping[str, int | tuple[int, ...]]
    multiple: int = CHANNEL_MULTIPLE
    others: Mapping[str, Any] = field(default_factory=dict)
    levels: tuple[int, ...] = (1, 2, 3, 4, 5)


def _linknet(*, prefinal_channels: int, classes: int, **arguments: Any) -> Any:
    """SMP's Linknet with another number of channels before the heads, which its own class fixes."""
    model = smp.Linknet(classes=classes, **arguments)
    model.decoder = LinknetDecoder(model.encoder.out_channels, prefinal_channels)
    model.segmentation_head = smp.base.SegmentationHead(prefinal_channels, classes, kernel_size=1)
    return model


_BILINEAR = {"decoder_interpolation": INTERPOLATION}
_STAGES = {"decoder_channels": (256, 128, 64, 32, 16)}

ARCHITECTURES: Mapping[str, SmpArchitecture] = {
    "deeplabv3": SmpArchitecture(
        build=smp.DeepLabV3, widths={"decoder_channels": 256}, others={"decoder_aspp_dropout": 0.0}, levels=(5,)
    ),
    "deeplabv3plus": SmpArchitecture(
        build=smp.DeepLabV3Plus, widths={"decoder_channels": 256}, others={"decoder_aspp_dropout": 0.0}, levels=(2, 5)
    ),
    "fpn": SmpArchitecture(
        build=smp.FPN,
        widths={"decoder_pyramid_channels": 256, "decoder_segmentation_channels": 128},
        multiple=32,  # its norms have 32 groups
        others={"decoder_dropout": 0.0, **_BILINEAR},
        levels=(2, 3, 4, 5),
    ),
    "linknet": SmpArchitecture(build=_linknet, widths={"prefinal_channels": 32}),
    "manet": SmpArchitecture(build=smp.MAnet, widths={**_STAGES, "decoder_pab_channels": 64}, others=_BILINEAR),
    "pan": SmpArchitecture(build=smp.PAN, widths={"decoder_channels": 32}, others=_BILINEAR, levels=(2, 3, 4, 5)),
    "pspnet": SmpArchitecture(
        build=smp.PSPNet, widths={"psp_out_channels": 512}, others={"psp_dropout": 0.0}, levels=(3,)
    ),
    "segformer": SmpArchitecture(build=smp.Segformer, widths={"decoder_segmentation_channels": 256}),
    "unet": SmpArchitecture(build=smp.Unet, widths=_STAGES, others=_BILINEAR),
    "unetplusplus": SmpArchitecture(build=smp.UnetPlusPlus, widths=_STAGES, others=_BILINEAR),
    "upernet": SmpArchitecture(build=smp.UPerNet, widths={"decoder_channels": 256}, levels=(2, 3, 4, 5)),
}
"""By SMP's name in small letters. DPT is not among them: its encoder gives no pyramid of features."""


@register_model("smp.deeplabv3")
@register_model("smp.deeplabv3plus")
@register_model("smp.fpn")
@register_model("smp.linknet")
@register_model("smp.manet")
@register_model("smp.pan")
@register_model("smp.pspnet")
@register_model("smp.segformer")
@register_model("smp.unet")
@register_model("smp.unetplusplus")
@register_model("smp.upernet")
class SmpModel(SegmentationModel):
    """A model of SMP: its encoder and decoder as SMP builds them, and our heads in the place of its own.

    The heads have the kernel of SMP's head, and their logits are enlarged as much, but with corners not aligned.
    Inputs must have sides that are multiples of the stride of the encoder's last features.

    Args:
        config: Its `architecture`, `encoder`, `heads`, `head_dropout` and `decoder_width` are used.
        classes: Number of classes.

    Raises:
        InputError: The encoder is unknown, or SMP can't build this architecture on it.
    """

    def __init__(self, config: TrialConfig, *, classes: int) -> None:
        architecture = ARCHITECTURES[config.architecture.removeprefix(PREFIX)]
        model = _build(config, architecture, classes)
        if max(architecture.levels) < ENCODER_DEPTH:
            _drop_unused_layers(model.encoder)
        _keep_single_pixels(model.decoder)
        convolution, enlarge = cast("nn.Conv2d", model.segmentation_head[0]), model.segmentation_head[1]
        channels = encoder_channels(model.encoder)
        super().__init__(
            encoder=model.encoder,
            decoder=model.decoder,
            heads=build_heads(
                config,
                in_channels=convolution.in_channels,
                classes=classes,
                kernel_size=convolution.kernel_size[0],
            ),
            size_multiple=int(model.encoder.output_stride),
            decoder_stride=int(cast("float", enlarge.scale_factor)) if isinstance(enlarge, nn.Upsample) else 1,
            # Encoders that begin at a quarter of the size have no channels at half of it.
            decoder_levels=[level for level in architecture.levels if channels[level]],
        )


def _build(config: TrialConfig, architecture: SmpArchitecture, classes: int) -> Any:
    """SMP's model of a configuration."""
    check_encoder_name(config.encoder)

    def scaled(channels: int) -> int:
        return scaled_channels(channels, config.decoder_width, multiple=architecture.multiple)

    widths = {
        name: tuple(map(scaled, width)) if isinstance(width, tuple) else scaled(width)
        for name, width in architecture.widths.items()
    }
    try:
        return architecture.build(
            encoder_name=config.encoder, encoder_weights=None, classes=classes, **widths, **architecture.others
        )
    except UNSUITABLE_ENCODER_ERRORS as error:
        raise InputError(
            f"encoder: {config.encoder!r} can't be used by {config.architecture} "
            f"({' '.join(str(error).split())[:200]}); mobilenet_v2 and resnet34 can"
        ) from error


class _Dropped(nn.Module):
    """Stands where a layer was whose result nothing reads; encoders may still call it."""

    def forward(self, features: Tensor, *_: object, **__: object) -> Tensor:
        """Give the features back."""
        return features


def _drop_unused_layers(encoder: nn.Module) -> None:
    """Drop the layers that a shortened encoder's features don't come from; SMP leaves most encoders whole.

    These are the layers that are called after the one that gives the last features, or not at all.
    """
    calls: list[tuple[str, object]] = []
    hooks = []
    for name, module in encoder.named_modules():
        hooks.append(module.register_forward_pre_hook(lambda *_, name=name: calls.append((name, None))))
        hooks.append(module.register_forward_hook(lambda *given, name=name: calls.append((name, given[-1]))))
    training = encoder.training
    with torch.no_grad():
        deepest = encoder.eval()(torch.zeros(1, 3, 64, 64))[-1]
    encoder.train(training)
    for hook in hooks:
        hook.remove()
    # The last to give them: a block that adds its shortcut in place gives what its last layer gave.
    made = [number for number, (_, result) in enumerate(calls) if result is deepest]
    called = {name for name, _ in (calls[: made[-1]] if made else calls)}
    _drop_within(encoder, "", called)


def _drop_within(module: nn.Module, prefix: str, called: Set[str]) -> None:
    for name, child in list(module.named_children()):
        path = prefix + name
        if any(other == path or other.startswith(f"{path}.") for other in called):
            _drop_within(child, f"{path}.", called)
        elif any(True for _ in child.parameters()):
            setattr(module, name, _Dropped())


class _PoolDownToOnePixel(nn.MaxPool2d):
    """Halves a side as long as it can be halved: PAN's pyramid has three halvings, at 64 px room for two."""

    def forward(self, features: Tensor) -> Tensor:
        """Pool (B, C, H, W) to (B, C, max(H // 2, 1), max(W // 2, 1))."""
        height, width = features.shape[-2:]
        window = (min(2, height), min(2, width))
        return F.max_pool2d(features, window, window)


def _keep_single_pixels(decoder: nn.Module) -> None:
    """Let the poolings within a decoder, all of 2x2, leave sides of one pixel as they are."""
    for module in decoder.modules():
        if type(module) is nn.MaxPool2d:
            # It has the same attributes, and no parameters; only its forward differs.
            module.__class__ = _PoolDownToOnePixel
