"""Parts that the decoders share: channel widths, convolutions, upsampling, initial weights."""

import math

import segmentation_models_pytorch.base.initialization as smp_initialization
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

INTERPOLATION = "bilinear"
"""The one interpolation in all models, never with aligned corners: on other kinds, runtimes differ."""

CHANNEL_MULTIPLE = 8


def scaled_channels(channels: int, width: float, *, multiple: int = CHANNEL_MULTIPLE) -> int:
    """Channels of a decoder layer at a relative width.

    Args:
        channels: Channels at width 1, a multiple of `multiple`.
        width: The factor, `TrialConfig.decoder_width`.
        multiple: What the result must be a multiple of.

    Returns:
        `channels * width`, rounded to the nearest multiple (halves upwards), at least one of it.
    """
    return max(multiple, int(channels * width / multiple + 0.5) * multiple)


def separable_convolution(in_channels: int, out_channels: int) -> nn.Sequential:
    """A depthwise 3x3 and a pointwise convolution, each followed by batch norm and ReLU (MobileNet, 2017)."""
    return nn.Sequential(
        nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False),
        nn.BatchNorm2d(in_channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def upsample(features: Tensor, factor: int) -> Tensor:
    """Enlarge (B, C, H, W) to (B, C, H * factor, W * factor), bilinearly, corners not aligned."""
    if factor == 1:
        return features
    return F.interpolate(features, scale_factor=float(factor), mode=INTERPOLATION, align_corners=False)


def initialise_decoder(decoder: nn.Module) -> None:
    """Give a decoder its initial weights, in place: Kaiming (He et al., ICCV 2015); norms 1 and 0.

    Each output pixel of a transposed convolution sees kernel / stride taps of every input channel along each side,
    which is the fan-in that keeps the variance; torch's own count is four times that for a 2x2 of stride 2.
    """
    smp_initialization.initialize_decoder(decoder)
    for module in decoder.modules():
        if isinstance(module, nn.ConvTranspose2d):
            taps = math.prod(module.kernel_size) / math.prod(module.stride)
            nn.init.normal_(module.weight, std=(module.in_channels * taps) ** -0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def initialise_heads(heads: nn.Module) -> None:
    """Give heads their initial weights, in place: Xavier (Glorot and Bengio, 2010); biases 0."""
    smp_initialization.initialize_head(heads)
