"""Several classifiers on the same decoder features."""

from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from spaces.configuration import TrialConfig
from trainables.models.border_bias import add_border_bias

DROPOUT_STEP = 0.05
"""Each head drops this much more than the one before, so that the heads see different features."""


class SegmentationHeads(nn.Module):
    """`count` convolutions with bias on shared features, head i behind a dropout of `dropout` + 0.05 i.

    Each head is to be supervised by itself: heads that are linear and averaged before the loss are one head.
    Whole channels are dropped, because neighbouring pixels carry the same information (Tompson et al.,
    "Efficient Object Localization Using Convolutional Networks", CVPR 2015), and because it needs no random
    number per pixel. Dropping a channel is then the same as dropping its part of the kernel: all heads are ONE
    convolution, in training with a kernel for each image, and no dropped copy of the features is ever made.

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
        self._padding = kernel_size // 2

    @property
    def count(self) -> int:
        """How many heads there are."""
        return len(self.heads)

    def forward(self, features: Tensor) -> Tensor:
        """Classify (B, `in_channels`, H, W) features: (B, `count` * `classes`, H, W) logits, head after head."""
        kernels, bias = self._kernels(features.shape[0]), self._bias()
        if len(kernels) == 1:
            return F.conv2d(features, kernels[0], bias, padding=self._padding)
        if self._padding == 0:
            # A 1x1 convolution is one product of matrices per image, and a batch of those is one call.
            pixels = features.permute(0, 2, 3, 1)
            logits = torch.baddbmm(bias, pixels.flatten(1, 2), kernels.flatten(2).mT)
            return logits.view(*pixels.shape[:3], -1).permute(0, 3, 1, 2)
        return torch.cat(
            [
                F.conv2d(one, kernel, bias, padding=self._padding)
                for one, kernel in zip(torch.split(features, 1), kernels, strict=True)
            ]
        )

    def classify_enlarged(self, features: Tensor, enlarge: nn.ConvTranspose2d) -> Tensor:
        """Classify what a transposed convolution makes of features, without making it.

        A transposed convolution of 2x2 with stride 2 and the 3x3 heads after it are linear together: one
        transposed convolution of 4x4, which needs 2.6 times fewer multiplications and no features at full size.
        The kernels are composed in float32, so the result differs from the two layers' by rounding alone.

        Args:
            features: (B, c, H, W).
            enlarge: From c to `in_channels` channels, 2x2, stride 2, with a bias; the heads must be 3x3.

        Returns:
            (B, `count` * `classes`, 2H, 2W): `self(enlarge(features))`.
        """
        with torch.autocast(features.device.type, enabled=False):
            kernels = self._kernels(features.shape[0])
            images, outputs = kernels.shape[:2]
            # Tap s of the composed kernel sums the pairs of taps a, t with s = a - t + 2: a correlation.
            composed = F.conv2d(enlarge.weight, kernels.flatten(0, 1), padding=2)
            composed = torch.unflatten(composed, 1, (images, outputs))
            # The bias between the layers is not there outside the image, which the heads' outer taps feel.
            inner_bias = cast("Tensor", enlarge.bias).view(1, -1, 1, 1).expand(-1, -1, 3, 3)
            bias = F.conv2d(inner_bias, kernels.flatten(0, 1), padding=1).view(images, outputs, 3, 3)
            bias = bias + self._bias().view(1, -1, 1, 1)
        parts = torch.split(features, 1) if images > 1 else (features,)
        logits = [
            F.conv_transpose2d(one, kernel, stride=2, padding=1)
            for one, kernel in zip(parts, composed.unbind(1), strict=True)
        ]
        return add_border_bias(torch.cat(logits) if images > 1 else logits[0], bias)

    def as_one_convolution(self) -> tuple[Tensor, Tensor]:
        """Kernel, (`count` * `classes`, `in_channels`, k, k), and bias of all heads together, with nothing dropped."""
        return torch.cat([convolution.weight for _, convolution in self._pairs()]), self._bias()

    def _kernels(self, images: int) -> Tensor:
        """Kernels of all heads, (B, `count` * `classes`, `in_channels`, k, k); B is 1 where nothing is dropped."""
        kernels = torch.stack([convolution.weight for _, convolution in self._pairs()]).unsqueeze(0)
        if any(dropout.training and dropout.p > 0 for dropout, _ in self._pairs()):
            ones = kernels.new_ones((images, kernels.shape[3], 1, 1))
            kept = torch.stack([dropout(ones) for dropout, _ in self._pairs()], dim=1)
            kernels = kernels * kept.unsqueeze(2)
        return kernels.flatten(1, 2)

    def _bias(self) -> Tensor:
        return torch.cat([cast("Tensor", convolution.bias) for _, convolution in self._pairs()])

    def _pairs(self) -> list[tuple[nn.Dropout2d, nn.Conv2d]]:
        return [(cast("nn.Dropout2d", head[0]), cast("nn.Conv2d", head[1])) for head in self._sequences()]

    def _sequences(self) -> list[nn.Sequential]:
        return [cast("nn.Sequential", head) for head in self.heads]


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
