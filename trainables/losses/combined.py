"""The supervised loss of a trial: cross-entropy, Dice and focal on every head."""

from dataclasses import dataclass

from torch import Tensor

from spaces.configuration import TrialConfig
from trainables.losses.terms import loss_terms


@dataclass(frozen=True, slots=True)
class SupervisedTerms:
    """The supervised loss and its parts, each a scalar averaged over the heads; see `LossTerms`.

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


def supervised_loss(logits: Tensor, target: Tensor, config: TrialConfig, class_weights: Tensor) -> SupervisedTerms:
    """Loss of each head by itself, averaged over the heads.

    A loss on the heads' mean would make several 1x1 heads equal to a single one.

    Args:
        logits: (B, K, C, H, W), those of K heads; computed with in float32 whatever their dtype.
        target: (B, H, W), int64 class indices, `IGNORE_INDEX` left out.
        config: Gives the shares of the three losses and the focal exponent.
        class_weights: (C,), float32, for the cross-entropy.
    """
    entropy, dice, focal = loss_terms(logits, target, class_weights, config.focal_gamma)
    total = config.cross_entropy_weight * entropy + config.dice_weight * dice + config.focal_weight * focal
    return SupervisedTerms(total, entropy, dice, focal)
