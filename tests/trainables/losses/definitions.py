"""The losses written down plainly, one head at a time, for comparison."""

import torch
from torch import Tensor
from torch.nn import functional

from trainables.data.dataset import IGNORE_INDEX
from trainables.losses.terms import SMALLEST_DOUBT, LossTerms


def plain_terms(logits: Tensor, target: Tensor, class_weights: Tensor, gamma: float) -> LossTerms:
    """`trainables.losses.terms.loss_terms`, differentiated by torch."""
    counted = target != IGNORE_INDEX
    labels = target.where(counted, 0)
    truth = functional.one_hot(labels, logits.shape[2]).movedim(-1, 1) * counted.unsqueeze(1)
    pixels = truth.sum(dim=(0, 2, 3))
    heads = []
    for head in logits.unbind(1):
        log_p = head.log_softmax(dim=1)
        p = log_p.exp() * counted.unsqueeze(1)
        weights = class_weights[labels] * counted
        chosen = log_p.gather(1, labels.unsqueeze(1)).squeeze(1)
        both = p.sum(dim=(0, 2, 3)) + pixels
        dice = (1 - 2 * (p * truth).sum(dim=(0, 2, 3)) / both)[pixels > 0]
        focal = -((1 - chosen.exp()).clamp_min(SMALLEST_DOUBT) ** gamma) * chosen * counted
        entropy = -(weights * chosen).sum() / weights.sum()
        heads.append(torch.stack((entropy, dice.mean(), focal.sum() / counted.sum())))
    return LossTerms(*torch.stack(heads).mean(dim=0))
