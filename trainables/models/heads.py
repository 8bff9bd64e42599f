"""Several classifiers on the same decoder features."""

from torch import Tensor, nn

from spaces.configuration import TrialConfig

DROPOUT_STEP = 0.05
"""Each head drops this much more than the one before, so that the heads see different features."""


class SegmentationHeads(nn.Module):
    """`count` convolutions with bias on shared features, head i behind a dropout of `dropout` + 0.05 i.

    Each head is to be supervised by itself: heads that are linear and averaged before the loss are one head.
    Whole channels are dropped, because neighbouring pixels carry the same information (Tompson et al.,
    "Efficient Object Localization Using Convolutional Networks", CVPR 2015), and because it needs no random
    number per pixel.

    Args:
        in_channels: Channels of the shared features.
        classes: Number of classes, the channels of each head's logits.
        count: Number of heads.
        dropout: Dropout probability of the first head.
        kernel_size: Side of the convolutions, px; odd.
    """

    def __init__(self, in_channels: int, classes: int, *, count: int, dropout: float, kernel_size: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Dropout2d(dropout + DROPOUT_STEP * index),
                nn.Conv2d(in_channels, classes, kernel_size, padding=kernel_size // 2),
            )
            for index in range(count)
        )

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        """Classify (B, `in_channels`, H, W) features: one (B, `classes`, H, W) tensor of logits per head."""
        return tuple(head(features) for head in self.heads)


def build_heads(config: TrialConfig, *, in_channels: int, classes: int, kernel_size: int) -> SegmentationHeads:
    """Build the heads that a configuration asks for.

    Args:
        config: Its `heads` and `head_dropout` are used.
        in_channels: Channels of the decoder's features.
        classes: Number of classes.
        kernel_size: Side of each head's convolution, px; odd.

    Returns:
        The heads, with torch's initial weights.
    """
    return SegmentationHeads(
        in_channels, classes, count=config.heads, dropout=config.head_dropout, kernel_size=kernel_size
    )
