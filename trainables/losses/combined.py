"""The supervised loss of a trial: cross-entropy, Dice and focal on every head."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from spaces.configuration import TrialConfig
from trainables.losses.cross_entropy import cross_entropy
from trainables.losses.dice import dice_loss
from trainables.losses.focal import focal_loss


@dataclass(frozen=True, slots=True)
class SupervisedTerms:
    """The supervised loss and its parts, each a scalar averaged over the heads.

    Attributes:
        total: The parts in the configuration's shares; what is minimised.
        cross_entropy: Class-weighted cross-entropy.
        dice: Dice loss over the classes present.
        focal: Softmax focal loss.
    """

    total: Tensor
    cross_entropy: Tensor
    dice: Tensor
    focal: Tensor


def supervised_loss(
    heads: Sequence[Tensor], target: Tensor, config: TrialConfig, class_weights: Tensor
) -> SupervisedTerms:
    """Loss of each head by itself, averaged over the heads.

    A loss on the heads' mean would make several 1x1 heads equal to a single one.

    Args:
        heads: One (B, C, H, W) tensor of logits per head; computed with in float32 whatever their dtype.
        target: (B, H, W), int64 class indices, `IGNORE_INDEX` left out.
        config: Gives the shares of the three losses and the focal exponent.
        class_weights: (C,), float32, for the cross-entropy.
    """
    parts = []
    for logits in heads:
        log_probabilities = logits.float().log_softmax(dim=1)
        parts.append(
            torch.stack(
                (
                    cross_entropy(log_probabilities, target, class_weights),
                    dice_loss(log_probabilities, target),
                    focal_loss(log_probabilities, target, config.focal_gamma),
                )
            )
        )
    mean = torch.stack(parts).mean(dim=0)
    shares = mean.new_tensor((config.cross_entropy_weight, config.dice_weight, config.focal_weight))
    return SupervisedTerms((mean * shares).sum(), mean[0], mean[1], mean[2])
