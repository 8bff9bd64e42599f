"""A UNet's last layers as one ordinary convolution, for runtimes that are slow at transposed ones."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.models.unet import Unet, UnetDecoder

_SUBPIXELS = 4
_TAPS = ((3, 1, None), (None, 2, 0))
"""Which tap of a 4x4 transposed convolution of stride 2 an even and an odd row of its output takes from the row of
the input before, at and after its own."""


class SubpixelClassifier(nn.Module):
    """From a UNet's decoder features to probabilities at twice their size, exactly as the network computes them.

    A transposed convolution of stride 2 is a convolution that gives each pixel's four quarters as channels, put in
    their places afterwards (Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
    Convolutional Neural Network", CVPR 2016). The softmax comes before that, so that one map per class has its
    pixels moved and not one per class and head. A channel of ones carries the bias between the two layers, which is
    not there outside the image.

    Args:
        model: The network. Its weights are composed in float64, once.
    """

    def __init__(self, model: Unet) -> None:
        super().__init__()
        self.heads = model.heads.count
        kernel, bias = _composed(model)
        outputs, inputs = kernel.shape[:2]
        self.convolution = nn.Conv2d(inputs, outputs, kernel.shape[-1], padding=1)
        self.convolution.load_state_dict({"weight": kernel.float(), "bias": bias.float()})

    def forward(self, features: Tensor) -> Tensor:
        """Predict (B, c, H, W): (B, C, 2H, 2W) float32, the mean of the heads' softmax."""
        ones = torch.ones_like(features[:, :1])
        logits = self.convolution(torch.cat([features, ones], dim=1))
        height, width = features.shape[-2:]
        classes = logits.shape[1] // (self.heads * _SUBPIXELS)
        # Flat before it is divided, and head by head: else OpenVINO divides, or takes the softmax, far slower.
        first, *others = [
            torch.softmax(one.reshape(-1, classes, _SUBPIXELS * height * width), dim=1)
            for one in logits.flatten(2).chunk(self.heads, dim=1)
        ]
        mean = (sum(others, start=first) / self.heads).reshape(-1, classes * _SUBPIXELS, height, width)
        return functional.pixel_shuffle(mean, 2)


def _composed(model: Unet) -> tuple[Tensor, Tensor]:
    """Kernel, (N, c + 1, 3, 3), and bias of the convolution, float64; the N channels are head by class by quarter."""
    enlarge = cast("UnetDecoder", model.decoder).to_full_size
    with torch.no_grad():
        heads_kernel, heads_bias = (values.double() for values in model.heads.as_one_convolution())
        between = cast("Tensor", enlarge.bias).double().view(1, -1, 1, 1).expand(-1, -1, 2, 2)
        # Tap s of the composed kernel sums the pairs of taps a, t with s = a - t + 2: a correlation.
        transposed = functional.conv2d(torch.cat([enlarge.weight.double(), between]), heads_kernel, padding=2)
        inputs, outputs = transposed.shape[:2]
        kernel = transposed.new_zeros(outputs, 2, 2, inputs, 3, 3)
        for row, row_taps in enumerate(_TAPS):
            for column, column_taps in enumerate(_TAPS):
                for y, row_tap in enumerate(row_taps):
                    for x, column_tap in enumerate(column_taps):
                        if row_tap is not None and column_tap is not None:
                            kernel[:, row, column, :, y, x] = transposed[:, :, row_tap, column_tap].T
        return kernel.flatten(0, 2), heads_bias.repeat_interleave(_SUBPIXELS)
