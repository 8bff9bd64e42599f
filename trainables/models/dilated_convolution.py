"""Dilated 3x3 convolutions in bfloat16 on a CPU, as matrix products of the taps."""

from typing import Any, cast

import torch
from torch import Tensor, nn


class DilatedConv2d(nn.Conv2d):
    """A dilated 3x3 convolution of stride 1 that keeps the size, as fast in bfloat16 on a CPU as it should be.

    oneDNN has no matrix kernel for its gradient by the weights, and multiplies by all of the zero padding: at 16x16
    with a dilation of 18 only the centre tap ever meets the image. Here each tap is one matrix product over the
    pixels that it meets, the taps summed in float32. Elsewhere this is `torch.nn.Conv2d`.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name in nn.Conv2d
        """Convolve (B, C, H, W), in the precision of the autocast if one is on."""
        if input.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(input)
        features = input.to(torch.get_autocast_dtype("cpu"))
        result: Tensor = _ConvolutionByTaps.apply(features, self.weight, self.dilation)
        return result


class _ConvolutionByTaps(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, dilation: tuple[int, int]) -> Tensor:
        # Channels last, so that rows of pixels are rows of a matrix; no copies where they lie so in memory.
        pixels, kernel = features.permute(0, 2, 3, 1), weight.permute(0, 2, 3, 1).to(features.dtype)
        total = torch.zeros((*pixels.shape[:3], len(kernel)), dtype=torch.float32)
        for i, j, there, here in _taps(pixels, dilation):
            met = pixels[here]
            total[there] += (met.reshape(-1, met.shape[-1]) @ kernel[:, i, j].t()).view(*met.shape[:3], -1)
        ctx.save_for_backward(pixels, kernel)
        ctx.dilation = dilation
        return total.to(features.dtype).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, None]:
        pixels, kernel = ctx.saved_tensors
        gradient = gradient.permute(0, 2, 3, 1)
        by_pixels = torch.zeros(pixels.shape, dtype=torch.float32) if ctx.needs_input_grad[0] else None
        by_kernel = torch.zeros(kernel.shape, dtype=torch.float32)
        for i, j, there, here in _taps(pixels, ctx.dilation):
            met, got = pixels[here], gradient[there].reshape(-1, len(kernel))
            by_kernel[:, i, j] = got.t() @ met.reshape(-1, met.shape[-1])
            if by_pixels is not None:
                by_pixels[here] += (got @ kernel[:, i, j]).view(met.shape)
        by_features = None if by_pixels is None else by_pixels.to(pixels.dtype).permute(0, 3, 1, 2)
        return by_features, by_kernel.permute(0, 3, 1, 2), None


_Region = tuple[slice, slice, slice]


def _taps(pixels: Tensor, dilation: tuple[int, int]) -> list[tuple[int, int, _Region, _Region]]:
    """Row and column of each tap that meets the image, where its products go, and the pixels that it meets."""
    every = slice(None)
    taps = []
    for i in range(3):
        for j in range(3):
            rows = _overlap(pixels.shape[1], (i - 1) * dilation[0])
            columns = _overlap(pixels.shape[2], (j - 1) * dilation[1])
            if rows is not None and columns is not None:
                taps.append((i, j, (every, rows[0], columns[0]), (every, rows[1], columns[1])))
    return taps


def _overlap(size: int, shift: int) -> tuple[slice, slice] | None:
    """Positions whose neighbour at `shift` lies inside, and those neighbours."""
    if abs(shift) >= size:
        return None
    return slice(max(0, -shift), min(size, size - shift)), slice(max(0, shift), min(size, size + shift))


def replace_dilated(module: nn.Module) -> None:
    """Make every dilated convolution within a module that fits a `DilatedConv2d`, in place.

    Parameters, their names and the results stay.
    """
    for part in module.modules():
        if _is_dilated(part):
            # It has the same parameters and attributes; only its forward differs.
            part.__class__ = DilatedConv2d


def _is_dilated(module: nn.Module) -> bool:
    if type(module) is not nn.Conv2d or module.bias is not None or module.padding_mode != "zeros":
        return False
    plain = module.kernel_size == (3, 3) and module.stride == (1, 1) and module.groups == 1
    return plain and max(module.dilation) > 1 and cast("object", module.padding) == module.dilation
