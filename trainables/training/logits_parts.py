"""A batch's logits taken apart, for losses that see a part of the images each."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor


def split_images(logits: Tensor, sizes: Sequence[int]) -> tuple[Tensor, ...]:
    """What `torch.split` gives along the images, with a gradient that lies in memory as the logits do.

    Torch puts the parts' gradients together with the channels first, whatever the layout of the logits, and the layer
    before turns them round again: at full size that costs a few percent of a training step.

    Args:
        logits: (B, ...).
        sizes: Images of each part, B in all.

    Returns:
        Views, one for each size.
    """
    return cast("tuple[Tensor, ...]", _SplitImages.apply(logits, list(sizes)))


class _SplitImages(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, sizes: list[int]) -> tuple[Tensor, ...]:
        ctx.sizes = sizes
        ctx.like = logits.shape, logits.stride(), logits.dtype, logits.device
        return torch.split(logits, sizes)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        shape, strides, dtype, device = ctx.like
        whole = torch.empty_strided(shape, strides, dtype=dtype, device=device)
        for part, gradient in zip(torch.split(whole, ctx.sizes), gradients, strict=True):
            part.copy_(gradient)
        return whole, None
