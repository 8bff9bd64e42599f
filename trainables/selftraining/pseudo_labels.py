"""Pseudo-labels: making them from a teacher's probabilities, and the loss of learning them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.losses.weighted_cross_entropy import weighted_cross_entropy
from trainables.selftraining.strategy import ThresholdStrategy


@dataclass(frozen=True, slots=True)
class PseudoLabels:
    """Labels that a teacher gave to unlabelled images.

    Attributes:
        labels: (B, H, W), int64 class indices.
        weights: (B, H, W), float32: 0 where a label is not trusted or the pixel is padding.
        valid: (B, H, W), bool: False where the pixel is padding.
    """

    labels: Tensor
    weights: Tensor
    valid: Tensor


@torch.no_grad()
def label_pixels(probabilities: Tensor, valid: Tensor, strategy: ThresholdStrategy) -> PseudoLabels:
    """Label each pixel with its most probable class, weighted by the strategy.

    Args:
        probabilities: (B, C, H, W), float32, the teacher's mean softmax over its heads on the weak view.
        valid: (B, H, W), bool, False for padding.
        strategy: Learns from the probabilities first, then weighs the labels.
    """
    strategy.update(probabilities, valid)
    confidence, labels = probabilities.max(dim=1)
    return PseudoLabels(labels, strategy.mask(confidence, labels) * valid, valid)


def pseudo_label_loss(logits: Tensor, pseudo: PseudoLabels) -> Tensor:
    """Plain cross-entropy with the pseudo-labels, averaged over the heads.

    The sum over trusted pixels is divided by the number of ALL valid pixels, as FixMatch does: few trusted
    labels then pull little. Padding is not a valid pixel.

    Args:
        logits: (B, K, C, H, W), the student's logits of K heads on the strong view, in any floating dtype.
        pseudo: The labels of the same pixels.

    Returns:
        A scalar, float32; 0 with a zero gradient where nothing is trusted.
    """
    return weighted_cross_entropy(logits, pseudo.labels, pseudo.weights, pseudo.valid.sum().clamp_min(1))
