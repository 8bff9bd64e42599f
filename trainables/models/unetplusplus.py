"""UNet++ on SMP's own encoder features."""

from segmentation_models_pytorch.decoders.unetplusplus.decoder import UnetPlusPlusDecoder

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from trainables.models.decoder_blocks import INTERPOLATION, scaled_channels
from trainables.models.encoders import ENCODER_DEPTH, create_encoder, encoder_channels
from trainables.models.heads import build_heads
from trainables.models.registry import register_model
from trainables.models.segmentation_model import SegmentationModel

DECODER_CHANNELS = (256, 128, 64, 32, 16)
"""Output channels of the five decoder stages, at 1/16, 1/8, 1/4, 1/2 and 1/1 of the input."""


@register_model("unetplusplus")
class UnetPlusPlus(SegmentationModel):
    """UNet++ (Zhou et al., DLMIA 2018): SMP's decoder on any encoder of SMP with features at five sizes.

    The decoder's dense inner nodes have the encoder's channels; `decoder_width` scales the five outer stages.
    Inputs must have sides that are multiples of 32 px.

    Args:
        config: Its `encoder`, `heads`, `head_dropout` and `decoder_width` are used.
        classes: Number of classes.

    Raises:
        InputError: The encoder is unknown or has no feature at each of the five sizes.
    """

    def __init__(self, config: TrialConfig, *, classes: int) -> None:
        encoder = create_encoder(config.encoder)
        channels = encoder_channels(encoder)
        if 0 in channels:
            raise InputError(
                f"encoder: {config.encoder!r} has no features at 1/{2 ** channels.index(0)} of the image, "
                "which unetplusplus needs; mobilenet_v2 and resnet50 have"
            )
        stages = [scaled_channels(stage, config.decoder_width) for stage in DECODER_CHANNELS]
        super().__init__(
            encoder=encoder,
            # Interpolation by SMP's blocks leaves `align_corners` at its default, which is False.
            decoder=UnetPlusPlusDecoder(
                encoder_channels=channels,
                decoder_channels=stages,
                n_blocks=ENCODER_DEPTH,
                interpolation_mode=INTERPOLATION,
            ),
            heads=build_heads(config, in_channels=stages[-1], classes=classes, kernel_size=3),
            size_multiple=32,
            decoder_stride=1,
        )
