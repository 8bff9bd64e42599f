import math

import torch
from torch import Tensor

from trainables.selftraining.class_thresholds import ClassThresholds
from trainables.selftraining.pseudo_labels import PseudoLabels, label_pixels, pseudo_label_loss


def one_row(*values: float | int | bool) -> Tensor:
    return torch.tensor(values).view(1, 1, -1)


def test_labels_are_the_most_probable_classes_weighted_by_strategy_and_validity() -> None:
    probabilities = torch.tensor([[0.9, 0.4, 0.2, 0.1], [0.1, 0.6, 0.8, 0.9]]).view(1, 2, 1, 4)
    pseudo = label_pixels(probabilities, one_row(True, True, True, False), ClassThresholds([0.5, 0.7]))
    assert pseudo.labels.tolist() == [[[0, 1, 1, 1]]]
    assert pseudo.weights.tolist() == [[[1, 0, 1, 0]]]


def test_loss_is_divided_by_all_valid_pixels() -> None:
    """Two classes with equal logits cost log 2 each; 1 of 3 valid pixels is trusted, the fourth is padding."""
    pseudo = PseudoLabels(one_row(0, 1, 0, 1), one_row(1.0, 0.0, 0.0, 0.0), one_row(True, True, True, False))
    loss = pseudo_label_loss([torch.zeros(1, 2, 1, 4)] * 2, pseudo)
    assert math.isclose(float(loss), math.log(2) / 3, rel_tol=1e-6)


def test_heads_learn_by_themselves() -> None:
    pseudo = PseudoLabels(one_row(0), one_row(1.0), one_row(True))
    right, wrong = torch.tensor([4.0, -4.0]).view(1, 2, 1, 1), torch.tensor([-4.0, 4.0]).view(1, 2, 1, 1)
    both = pseudo_label_loss([right, wrong], pseudo)
    alone = [pseudo_label_loss([head], pseudo) for head in (right, wrong)]
    torch.testing.assert_close(both, (alone[0] + alone[1]) / 2)
    assert float(both) > math.log(2)  # the loss of the heads' mean


def test_nothing_trusted_and_nothing_valid_is_zero() -> None:
    for valid in (True, False):
        logits = torch.randn(1, 3, 1, 2, requires_grad=True)
        pseudo = PseudoLabels(one_row(0, 1), one_row(0.0, 0.0), one_row(valid, valid))
        loss = pseudo_label_loss([logits], pseudo)
        loss.backward()  # type: ignore[no-untyped-call]
        assert loss.item() == 0
        assert logits.grad is not None
        assert torch.count_nonzero(logits.grad) == 0
