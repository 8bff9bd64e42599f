"""A network of two convolutions, for tests of the training."""

from torch import Tensor, nn

from spaces.configuration import TrialConfig
from trainables.models.decoder_blocks import scaled_channels
from trainables.models.heads import build_heads
from trainables.models.segmentation_model import SegmentationModel


class SmallEncoder(nn.Module):
    out_channels = (3, 8)

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)

    def forward(self, images: Tensor) -> list[Tensor]:
        return [images, nn.functional.relu(self.norm(self.convolution(images)))]


class SmallDecoder(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(8, channels, 3, padding=1)

    def forward(self, features: list[Tensor]) -> Tensor:
        result: Tensor = self.convolution(features[-1])
        return result


class SmallModel(SegmentationModel):
    def __init__(self, config: TrialConfig, *, classes: int) -> None:
        channels = scaled_channels(8, config.decoder_width)
        super().__init__(
            encoder=SmallEncoder(),
            decoder=SmallDecoder(channels),
            heads=build_heads(config, in_channels=channels, classes=classes, kernel_size=1),
            size_multiple=1,
            decoder_stride=1,
        )
