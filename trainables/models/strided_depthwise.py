"""Strided depthwise convolutions whose gradient is computed in float32 on a CPU."""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn


class StridedDepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution with a stride, as fast in bfloat16 on a CPU as it should be.

    oneDNN has no bfloat16 kernel for its gradient and falls back to one that takes 3 to 15 times as long as
    float32; so bfloat16 gradients are computed in float32 there. Elsewhere this is `torch.nn.Conv2d`.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name in nn.Conv2d
        """Convolve (B, C, H, W), in the precision of the autocast if one is on."""
        if input.device.type != "cpu" or not torch.is_autocast_enabled("cpu") or not torch.is_grad_enabled():
            return super().forward(input)
        dtype = torch.get_autocast_dtype("cpu")
        geometry = (self.stride, self.padding, self.dilation, self.groups)
        result: Tensor = _Float32Gradient.apply(input.to(dtype), self.weight, geometry)
        return result


class _Float32Gradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, geometry: Any) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.geometry = geometry
        return F.conv2d(features, weight.to(features.dtype), None, *geometry)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        features, weight = ctx.saved_tensors
        stride, padding, dilation, groups = ctx.geometry
        wanted = (*ctx.needs_input_grad[:2], False)
        by_features, by_weight, _ = torch.ops.aten.convolution_backward(
            gradient.float(), features.float(), weight, None, stride, padding, dilation, False, (0, 0), groups, wanted
        )
        return None if by_features is None else by_features.to(features.dtype), by_weight, None


def replace_strided_depthwise(module: nn.Module) -> None:
    """Make every strided depthwise convolution within a module a `StridedDepthwiseConv2d`, in place.

    Parameters, their names and the results stay. Only plain `torch.nn.Conv2d` without a bias and with zero padding
    given in pixels are replaced.
    """
    for part in module.modules():
        if _is_strided_depthwise(part):
            # It has the same parameters and attributes; only its forward differs.
            part.__class__ = StridedDepthwiseConv2d


def _is_strided_depthwise(module: nn.Module) -> bool:
    return (
        type(module) is nn.Conv2d
        and module.groups == module.in_channels > 1
        and max(module.stride) > 1
        and module.bias is None
        and module.padding_mode == "zeros"
        and not isinstance(module.padding, str)
    )
