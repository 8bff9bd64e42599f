"""Class-weighted cross-entropy."""

import torch
from torch import Tensor
from torch.nn import functional

from trainables.data.dataset import IGNORE_INDEX


def cross_entropy(log_probabilities: Tensor, target: Tensor, class_weights: Tensor) -> Tensor:
    """Mean negative log-likelihood of the true class, each pixel weighted by its class.

    Args:
        log_probabilities: (B, C, H, W), float32.
        target: (B, H, W), int64 class indices; `IGNORE_INDEX` is left out.
        class_weights: (C,), float32.

    Returns:
        A scalar: sum of weighted losses / sum of weights, as `torch.nn.CrossEntropyLoss` defines the mean; 0
        with a zero gradient where no pixel counts.
    """
    total = functional.nll_loss(log_probabilities, target, class_weights, ignore_index=IGNORE_INDEX, reduction="sum")
    counted = target != IGNORE_INDEX
    weight = (class_weights[target.where(counted, 0)] * counted).sum()
    return total / weight.clamp_min(torch.finfo(total.dtype).tiny)
