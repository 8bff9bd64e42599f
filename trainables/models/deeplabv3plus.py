"""DeepLabV3+ with dense atrous convolutions, for servers."""

from collections.abc import Sequence

import torch
from segmentation_models_pytorch.base.modules import Conv2dReLU
from segmentation_models_pytorch.decoders.deeplabv3.decoder import ASPP
from torch import Tensor, nn

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from trainables.models.decoder_blocks import scaled_channels, upsample
from trainables.models.encoders import create_encoder, encoder_channels
from trainables.models.heads import build_heads
from trainables.models.registry import register_model
from trainables.models.segmentation_model import SegmentationModel

OUTPUT_STRIDE = 16
DECODER_STRIDE = 4
ATROUS_RATES = (6, 12, 18)
DECODER_CHANNELS = 256
LOW_LEVEL_CHANNELS = 48


@register_model("deeplabv3plus")
class DeepLabV3Plus(SegmentationModel):
    """DeepLabV3+ (Chen et al., ECCV 2018) with output stride 16 and dense, not separable, 3x3 convolutions.

    The heads are 1x1 convolutions at stride 4; their logits are enlarged to the input's size. 40,352,181
    parameters with the ResNet50 encoder for 7 classes and 3 heads.

    Inputs must have sides that are multiples of 16 px; in training, batches must have 2 images or more.

    Args:
        config: Its `encoder`, `heads`, `head_dropout` and `decoder_width` are used.
        classes: Number of classes.

    Raises:
        InputError: The encoder is unknown, can't be dilated, or has no features at stride 4.
    """

    def __init__(self, config: TrialConfig, *, classes: int) -> None:
        encoder = create_encoder(config.encoder, output_stride=OUTPUT_STRIDE)
        channels = encoder_channels(encoder)
        if channels[2] == 0:
            raise InputError(
                f"encoder: {config.encoder!r} has no features at stride 4, which deeplabv3plus needs; resnet50 has"
            )
        width = scaled_channels(DECODER_CHANNELS, config.decoder_width)
        super().__init__(
            encoder=encoder,
            decoder=DeepLabV3PlusDecoder(
                low_level_channels=channels[2],
                high_level_channels=channels[-1],
                reduced_channels=scaled_channels(LOW_LEVEL_CHANNELS, config.decoder_width),
                out_channels=width,
            ),
            heads=build_heads(config, in_channels=width, classes=classes, kernel_size=1),
            size_multiple=OUTPUT_STRIDE,
            decoder_stride=DECODER_STRIDE,
            decoder_levels=(2, len(channels) - 1),
        )


class DeepLabV3PlusDecoder(nn.Module):
    """Atrous spatial pyramid pooling, joined with low-level features by two dense 3x3 convolutions.

    Args:
        low_level_channels: Channels of the encoder's features at stride 4.
        high_level_channels: Channels of the encoder's last features.
        reduced_channels: Channels that the low-level features are reduced to.
        out_channels: Channels of each pyramid branch and of the result.
    """

    def __init__(
        self, *, low_level_channels: int, high_level_channels: int, reduced_channels: int, out_channels: int
    ) -> None:
        super().__init__()
        # Dropout belongs to the heads, where the configuration sets it, not here as a second, hidden one.
        self.aspp = ASPP(high_level_channels, out_channels, ATROUS_RATES, separable=False, dropout=0.0)
        self.reduce_low_level = Conv2dReLU(low_level_channels, reduced_channels, kernel_size=1)
        self.fuse = nn.Sequential(
            Conv2dReLU(out_channels + reduced_channels, out_channels, kernel_size=3, padding=1),
            Conv2dReLU(out_channels, out_channels, kernel_size=3, padding=1),
        )

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Decode six features, the (B, 3, H, W) images first, to (B, `out_channels`, H / 4, W / 4)."""
        context = upsample(self.aspp(features[-1]), OUTPUT_STRIDE // DECODER_STRIDE)
        fused: Tensor = self.fuse(torch.cat([context, self.reduce_low_level(features[2])], dim=1))
        return fused
