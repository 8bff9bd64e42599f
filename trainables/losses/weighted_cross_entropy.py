"""Cross-entropy in which every pixel has a weight of its own, for pseudo-labels."""

from typing import Any

import torch
from torch import Tensor

from trainables.losses.pixel_blocks import block_softmax, pixel_blocks


def weighted_cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor, total: Tensor) -> Tensor:
    """Sum over pixels of -weight log p[label], by `total`, averaged over the heads.

    Computed in float32 whatever the dtype of the logits (float64 of float64 ones); their gradient has their dtype
    and layout.

    Args:
        logits: (B, K, C, H, W), those of K heads.
        labels: (B, H, W), int64 class indices, all within C.
        weights: (B, H, W), float32, at least 0; pixels of weight 0 have no gradient.
        total: Scalar, greater than 0: what the sum is divided by.

    Returns:
        A scalar; 0 with a zero gradient where all weights are 0.
    """
    return _WeightedCrossEntropy.apply(logits, labels, weights, total)  # type: ignore[no-any-return]


class _WeightedCrossEntropy(torch.autograd.Function):
    """Its gradient by logit j is weight (p[j] - 1 where j is the label)."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor, weights: Tensor, total: Tensor) -> Tensor:
        dtype = torch.promote_types(logits.dtype, torch.float32)
        probabilities = torch.empty(logits.shape, dtype=dtype, device=logits.device)
        loss = logits.new_zeros((), dtype=dtype)
        for block in pixel_blocks(logits):
            p, log_p = block_softmax(logits, block, block.pixels(labels))
            loss -= (log_p * block.pixels(weights)).sum()
            planes = block.planes(probabilities)
            planes.copy_(p.view(planes.shape))
        scale = 1 / (total.to(dtype) * logits.shape[1])
        ctx.like = logits.dtype, logits.stride()
        ctx.save_for_backward(probabilities, labels, weights, scale)
        return loss * scale

    @staticmethod
    def backward(ctx: Any, by_loss: Tensor) -> tuple[Tensor, None, None, None]:
        probabilities, labels, weights, scale = ctx.saved_tensors
        dtype, strides = ctx.like
        gradient = torch.empty_strided(probabilities.shape, strides, dtype=dtype, device=probabilities.device)
        scale = scale * by_loss
        for block in pixel_blocks(probabilities):
            slope = block.pixels(weights) * scale
            p = block.planes(probabilities).flatten(2) * slope
            index = block.pixels(labels).expand(len(p), 1, -1)
            p.scatter_add_(1, index, slope.neg_().to(p.dtype).expand_as(index))
            planes = block.planes(gradient)
            planes.copy_(p.view(planes.shape))
        return gradient, None, None, None
