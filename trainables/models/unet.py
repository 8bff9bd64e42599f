"""UNet with a lean decoder, for edge devices."""

from collections.abc import Sequence
from typing import cast

import torch
from segmentation_models_pytorch.base.modules import Conv2dReLU
from torch import Tensor, nn

from spaces.configuration import TrialConfig
from trainables.models.decoder_blocks import scaled_channels, separable_convolution, upsample
from trainables.models.encoders import create_encoder, encoder_channels
from trainables.models.heads import build_heads
from trainables.models.registry import register_model
from trainables.models.segmentation_model import SegmentationModel

BRIDGE_CHANNELS = 512
STAGE_CHANNELS = (256, 128, 64, 32)
"""Output channels of the four decoder stages, at 1/16, 1/8, 1/4 and 1/2 of the input."""


@register_model("unet")
class Unet(SegmentationModel):
    """UNet (Ronneberger et al., MICCAI 2015) whose decoder has one dense 3x3 convolution per stage.

    With the MobileNetV2 encoder (Sandler et al., CVPR 2018) its skips come from narrow places: see
    `MobileNetV2Taps`. Any other encoder of SMP is used with SMP's own five features. 3,499,541 parameters for
    7 classes and 3 heads.

    Inputs must have sides that are multiples of 32 px.

    Args:
        config: Its `encoder`, `heads`, `head_dropout` and `decoder_width` are used.
        classes: Number of classes.

    Raises:
        InputError: The encoder is unknown or has not five feature levels.
    """

    def __init__(self, config: TrialConfig, *, classes: int) -> None:
        encoder = MobileNetV2Taps() if config.encoder == "mobilenet_v2" else create_encoder(config.encoder)
        stages = [scaled_channels(channels, config.decoder_width) for channels in STAGE_CHANNELS]
        super().__init__(
            encoder=encoder,
            decoder=UnetDecoder(
                encoder_channels(encoder)[1:],
                bridge_channels=scaled_channels(BRIDGE_CHANNELS, config.decoder_width),
                stage_channels=stages,
            ),
            heads=build_heads(config, in_channels=stages[-1], classes=classes, kernel_size=3),
            size_multiple=32,
            decoder_stride=1,
        )

    def classify(self, features: Tensor) -> Tensor:
        """Logits of all heads at full size from the decoder's features at half of it."""
        decoder = cast("UnetDecoder", self.decoder)
        return self.heads.classify_enlarged(features, decoder.to_full_size)


class MobileNetV2Taps(nn.Module):
    """MobileNetV2 tapped at the stem (32 channels at 1/2) and, at 1/32, before the 1280-channel convolution.

    That last convolution alone would feed the bridge with four times the channels; it is left out, and so are
    its parameters. The other taps are SMP's: 24 channels at 1/4, 32 at 1/8, 96 at 1/16; then 320 at 1/32.

    Attributes:
        out_channels: Channels of the features, the image itself first.
    """

    out_channels = (3, 32, 24, 32, 96, 320)
    _taps = (0, 3, 6, 13, 17)

    def __init__(self) -> None:
        super().__init__()
        # The layers keep the name that they have in torchvision and SMP, so that their state dicts fit.
        blocks = cast("nn.Sequential", create_encoder("mobilenet_v2").features)
        self.features = blocks[: self._taps[-1] + 1]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features of (B, 3, H, W): the images, then 1/2, 1/4, 1/8, 1/16 and 1/32 of their sides."""
        features = [images]
        current = images
        for index, block in enumerate(self.features):
            current = block(current)
            if index in self._taps:
                features.append(current)
        return features


class UnetDecoder(nn.Module):
    """A depthwise-separable bridge, four stages with skips, and a transposed convolution to full size.

    Calling it gives the features at half size: `Unet.classify` does the last convolution and the heads as one.

    Args:
        skip_channels: Channels of the encoder's features at 1/2, 1/4, 1/8, 1/16 and 1/32.
        bridge_channels: Output channels of the bridge.
        stage_channels: Output channels of the four stages, coarsest first.
    """

    def __init__(self, skip_channels: Sequence[int], *, bridge_channels: int, stage_channels: Sequence[int]) -> None:
        super().__init__()
        *skips, deepest = skip_channels
        self.bridge = nn.Sequential(
            separable_convolution(deepest, bridge_channels),
            separable_convolution(bridge_channels, bridge_channels),
        )
        in_channels = [bridge_channels, *stage_channels[:-1]]
        self.stages = nn.ModuleList(
            UnetStage(below, skip, out)
            for below, skip, out in zip(in_channels, reversed(skips), stage_channels, strict=True)
        )
        self.to_full_size = nn.ConvTranspose2d(stage_channels[-1], stage_channels[-1], 2, stride=2)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Decode six features, the (B, 3, H, W) images first, to (B, `stage_channels[-1]`, H / 2, W / 2)."""
        current: Tensor = self.bridge(features[-1])
        for stage, skip in zip(self.stages, reversed(features[1:-1]), strict=True):
            current = stage(current, skip)
        return current


class UnetStage(nn.Module):
    """Narrow by a 1x1 convolution, double the size, join the skip, one dense 3x3 convolution.

    The 1x1 comes before the upsampling, where it costs a quarter.

    Args:
        in_channels: Channels from the stage below.
        skip_channels: Channels of the encoder's feature at twice that size.
        out_channels: Channels of the result.
    """

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int) -> None:
        super().__init__()
        self.narrow = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels))
        self.fuse = Conv2dReLU(out_channels + skip_channels, out_channels, kernel_size=3, padding=1)

    def forward(self, below: Tensor, skip: Tensor) -> Tensor:
        """Join (B, in, H, W) with the skip (B, skip, 2H, 2W): (B, out, 2H, 2W)."""
        fused: Tensor = self.fuse(torch.cat([upsample(self.narrow(below), 2), skip], dim=1))
        return fused
