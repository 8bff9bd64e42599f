"""Soft Dice loss over the classes that a batch really holds."""

import torch
from torch import Tensor

from trainables.data.dataset import IGNORE_INDEX


def dice_loss(log_probabilities: Tensor, target: Tensor) -> Tensor:
    """1 - Dice, averaged over the classes present in the target (Milletari et al. 2016, without squares).

    Sums run over the whole batch. Absent classes are left out instead of counting as a Dice of 0: a batch
    without water that is predicted without water is no mistake. Without smoothing: a present class has at
    least one pixel.

    Args:
        log_probabilities: (B, C, H, W), float32.
        target: (B, H, W), int64 class indices; `IGNORE_INDEX` pixels count neither as truth nor as
            prediction.

    Returns:
        A scalar from 0 (perfect) to 1; 0 with a zero gradient where no pixel counts.
    """
    classes = log_probabilities.shape[1]
    indices = torch.arange(classes, device=target.device).view(1, classes, 1, 1)
    truth = (target.unsqueeze(1) == indices).to(log_probabilities.dtype)
    probabilities = log_probabilities.exp() * (target != IGNORE_INDEX).unsqueeze(1)
    pixels = truth.sum(dim=(0, 2, 3))
    overlap = (probabilities * truth).sum(dim=(0, 2, 3))
    predicted = probabilities.sum(dim=(0, 2, 3))
    present = pixels > 0
    # Sums over a mask instead of indexing by it: the shapes stay fixed, so a GPU need not wait for the count.
    loss = (1 - 2 * overlap / (predicted + pixels).clamp_min(1.0)) * present
    return loss.sum() / present.sum().clamp_min(1)
