"""Softmax focal loss."""

from torch import Tensor

from trainables.data.dataset import IGNORE_INDEX

SMALLEST_DOUBT = 1e-6
"""1 - p is kept above this, because the derivative of (1 - p)^gamma at p = 1 is infinite for gamma < 1."""


def focal_loss(log_probabilities: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Mean of -(1 - p)^gamma log p over the pixels, p being the softmax of the true class (Lin et al. 2017).

    The multi-class softmax form, not one sigmoid per class against the rest; gamma 0 is the plain
    cross-entropy.

    Args:
        log_probabilities: (B, C, H, W), float32.
        target: (B, H, W), int64 class indices; `IGNORE_INDEX` is left out.
        gamma: Focusing exponent, at least 0.

    Returns:
        A scalar; 0 with a zero gradient where no pixel counts.
    """
    counted = target != IGNORE_INDEX
    log_p = log_probabilities.gather(1, target.where(counted, 0).unsqueeze(1)).squeeze(1)
    doubt = (1 - log_p.exp()).clamp_min(SMALLEST_DOUBT)
    losses = -(doubt**gamma) * log_p
    return (losses * counted).sum() / counted.sum().clamp_min(1)
