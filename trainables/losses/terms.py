"""Cross-entropy, Dice and focal loss of several heads in one pass, and their gradient in another."""

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from trainables.data.dataset import IGNORE_INDEX
from trainables.losses.pixel_blocks import block_softmax, pixel_blocks

SMALLEST_DOUBT = 1e-6
"""1 - p is kept above this, because the derivative of (1 - p)^gamma at p = 1 is infinite for gamma < 1."""


class LossTerms(NamedTuple):
    """Three losses, each a scalar averaged over the heads, and 0 with a zero gradient where no pixel counts.

    In all of them, p is a head's softmax, t a pixel's true class, and a pixel without one (`IGNORE_INDEX`) is
    left out altogether: it is neither truth nor prediction.

    Attributes:
        cross_entropy: Sum of -w[t] log p[t] over the pixels / sum of w[t], as `torch.nn.CrossEntropyLoss` defines
            the weighted mean. Classes that are absent have no pixel that could carry their weight.
        dice: 1 - 2 sum(p[c] where t = c) / (sum p[c] + pixels of c), sums running over the whole batch, averaged over
            the classes c that the batch holds (Milletari et al. 2016, without squares). Absent classes are left
            out instead of counting as a Dice of 0: a batch without water that is predicted without water is no
            mistake. No smoothing: a class that is present has at least one pixel. From 0 (perfect) to 1.
        focal: Mean of -(1 - p[t])^gamma log p[t] over the pixels (Lin et al. 2017) in the softmax form, not one
            sigmoid per class against the rest; gamma 0 is the plain cross-entropy.
    """

    cross_entropy: Tensor
    dice: Tensor
    focal: Tensor


def loss_terms(logits: Tensor, target: Tensor, class_weights: Tensor, gamma: float) -> LossTerms:
    """All three losses at once: they share the softmax, which is most of the work.

    Computed in float32 whatever the dtype of the logits (float64 of float64 ones); their gradient has their dtype
    and layout. Only the probabilities are kept for it.

    Args:
        logits: (B, K, C, H, W), those of K heads.
        target: (B, H, W), int64 class indices or `IGNORE_INDEX`.
        class_weights: (C,), float32, at least 0, for the cross-entropy.
        gamma: Focusing exponent of the focal loss, at least 0.
    """
    return LossTerms(*cast("tuple[Tensor, ...]", _LossTerms.apply(logits, target, class_weights, gamma)))


class _LossTerms(torch.autograd.Function):
    """Sums of the three losses block by block, then the gradient in closed form.

    With the derivative A of cross-entropy and focal loss by log p[t], and those of Dice by p[c], which are v[c] for
    every pixel and u[c] more where t = c, the gradient by logit j is, d being 1 where j = t:

        p[j] (v[j] - m - A) + d (A + u[t] p[t]),   m = sum over c of p[c] v[c] + u[t] p[t]
    """

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, target: Tensor, class_weights: Tensor, gamma: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        heads, classes = logits.shape[1:3]
        counted = target != IGNORE_INDEX
        labels = target.where(counted, 0)
        dtype = torch.promote_types(logits.dtype, torch.float32)
        weights = class_weights.to(dtype)
        probabilities = torch.empty(logits.shape, dtype=dtype, device=logits.device)
        overlap, predicted = logits.new_zeros((2, heads, classes), dtype=dtype)
        entropy, focal = logits.new_zeros((2, heads), dtype=dtype)
        pixels = logits.new_zeros(classes, dtype=dtype)
        indices = torch.arange(classes, device=logits.device).unsqueeze(1)
        for block in pixel_blocks(logits):
            true, here = block.pixels(labels), block.pixels(counted)
            p, log_p = block_softmax(logits, block, true)
            block.planes(probabilities).copy_(p.view_as(block.planes(probabilities)))
            truth = ((true == indices) & here).to(dtype)
            pixels += truth.sum(dim=1)
            overlap += (p * truth).sum(dim=2)
            predicted += p.mul_(here).sum(dim=2)
            log_p *= here
            entropy -= (log_p * weights[true]).sum(dim=1)
            focal -= (_doubt(log_p) ** gamma * log_p).sum(dim=1)
        weight = (pixels * weights).sum()
        # Not a tiny number instead of 0: by that, weights become infinite, and infinity times a mask of 0 is no number.
        weight = torch.where(weight > 0, weight, 1)
        count = pixels.sum().clamp_min(1)
        # Sums over a mask instead of indexing by it: the shapes stay fixed, so a GPU need not wait for the count.
        present = pixels > 0
        both = (predicted + pixels).clamp_min(1)
        dice = ((1 - 2 * overlap / both) * present).sum(dim=1) / present.sum().clamp_min(1)
        ctx.gamma = gamma
        ctx.like = logits.dtype, logits.stride()
        ctx.save_for_backward(probabilities, labels, counted, weights / weight, 1 / count, present, overlap, both)
        return (entropy / weight).mean(), dice.mean(), (focal / count).mean()

    @staticmethod
    def backward(ctx: Any, by_entropy: Tensor, by_dice: Tensor, by_focal: Tensor) -> tuple[Tensor, None, None, None]:
        probabilities, labels, counted, weights, share, present, overlap, both = ctx.saved_tensors
        heads = probabilities.shape[1]
        weights, share = weights * (by_entropy / heads), share * (by_focal / heads)
        scale = 2 * by_dice / (heads * present.sum().clamp_min(1)) * present
        by_overlap, by_class = -scale / both, scale * overlap / both**2
        dtype, strides = ctx.like
        gradient = torch.empty_strided(probabilities.shape, strides, dtype=dtype, device=probabilities.device)
        for block in pixel_blocks(probabilities):
            true, here = block.pixels(labels).unsqueeze(0), block.pixels(counted)
            p = block.planes(probabilities).flatten(2).clone()
            index = true.expand(heads, 1, -1)
            chosen = p.gather(1, index).squeeze(1)
            slope = _focal_slope(chosen, ctx.gamma).mul_(share).sub_(weights[true])
            pull = by_overlap.gather(1, true.expand(heads, -1)) * chosen
            mean = torch.matmul(by_class.unsqueeze(1), p).squeeze(1) + pull
            p *= by_class.unsqueeze(2) - (mean + slope).unsqueeze(1)
            p.scatter_add_(1, index, (slope + pull).unsqueeze(1))
            p *= here
            planes = block.planes(gradient)
            planes.copy_(p.view(planes.shape))
        return gradient, None, None, None


def _doubt(log_p: Tensor) -> Tensor:
    return (1 - log_p.exp()).clamp_min_(SMALLEST_DOUBT)


def _focal_slope(p: Tensor, gamma: float) -> Tensor:
    """Derivative of -(1 - p)^gamma log p by log p."""
    doubt = (1 - p).clamp_min_(SMALLEST_DOUBT)
    slope = doubt**gamma
    if gamma:
        # log p of a probability that float32 rounds to 0 would be infinite; p times it is 0.
        steep = gamma * doubt ** (gamma - 1) * torch.xlogy(p, p)
        slope = slope - steep * (doubt > SMALLEST_DOUBT)
    return slope.neg_()
