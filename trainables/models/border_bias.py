"""A bias that differs at the border of an image."""

from typing import Any

import torch
from torch import Tensor

_REGIONS = (slice(None, 1), slice(1, -1), slice(-1, None))
"""First row or column, all between, last one."""

_BORDER = tuple((i, j) for i in range(3) for j in range(3) if (i, j) != (1, 1))


def add_border_bias(values: Tensor, bias: Tensor) -> Tensor:
    """Add a bias per channel that differs in the first and last row and column.

    Args:
        values: (B, N, H, W), of any floating dtype; H and W at least 3. May be changed in place.
        bias: (B or 1, N, 3, 3): for the first, the inner and the last rows by the first, inner and last columns.

    Returns:
        The sum, like the values.
    """
    if torch.compiler.is_compiling():
        # What traces a network knows no function that changes its input; it fuses plain additions by itself.
        return values + _border_map(bias, values.shape[-2:]).to(values.dtype)
    result: Tensor = _AddBorderBias.apply(values, bias)
    return result


def _border_map(bias: Tensor, size: torch.Size) -> Tensor:
    """(B or 1, N, H, W): the bias of each pixel."""
    height, width = size
    rows = torch.cat((bias[:, :, :1], bias[:, :, 1:2].expand(-1, -1, height - 2, -1), bias[:, :, 2:]), dim=2)
    return torch.cat((rows[..., :1], rows[..., 1:2].expand(-1, -1, -1, width - 2), rows[..., 2:]), dim=3)


class _AddBorderBias(torch.autograd.Function):
    """Additions in place: all of the image, then the borders; with torch's own, each would copy the gradient."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, bias: Tensor) -> Tensor:
        ctx.mark_dirty(values)
        ctx.bias_like = bias.dtype, bias.shape[0]
        inner = bias[:, :, 1, 1, None, None]
        values += inner.to(values.dtype)
        for i, j in _BORDER:
            values[:, :, _REGIONS[i], _REGIONS[j]] += (bias[:, :, i, j, None, None] - inner).to(values.dtype)
        return values

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        dtype, images = ctx.bias_like
        sums = torch.zeros((*gradient.shape[:2], 3, 3), dtype=dtype, device=gradient.device)
        for i, j in _BORDER:
            sums[:, :, i, j] = gradient[:, :, _REGIONS[i], _REGIONS[j]].sum((2, 3), dtype=dtype)
        # Summing everything needs no second look at each pixel; the inner part is the rest.
        sums[:, :, 1, 1] = gradient.sum((2, 3), dtype=dtype) - sums.sum((2, 3))
        return gradient, sums.sum_to_size(images, gradient.shape[1], 3, 3)
