import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from trainables.selftraining.class_thresholds import ClassThresholds
from trainables.selftraining.freematch import SelfAdaptiveThresholds
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
    loss = pseudo_label_loss(torch.zeros(1, 2, 2, 1, 4), pseudo)
    assert math.isclose(float(loss), math.log(2) / 3, rel_tol=1e-6)


def test_soft_weights_scale_the_loss_of_their_pixels() -> None:
    """Logits (log 3, 0) give the label 0 the probability 3/4; two pixels of weight 1/2 and 1/4, four valid."""
    logits = torch.tensor([math.log(3), 0.0]).view(1, 1, 2, 1, 1).expand(1, 1, 2, 1, 4).contiguous().requires_grad_()
    pseudo = PseudoLabels(one_row(0, 0, 0, 0), one_row(0.5, 0.25, 0.0, 0.0), one_row(True, True, True, True))
    loss = pseudo_label_loss(logits, pseudo)
    loss.backward()  # type: ignore[no-untyped-call]
    assert math.isclose(loss.item(), 0.75 * math.log(4 / 3) / 4, rel_tol=1e-6)
    assert logits.grad is not None
    slopes = torch.tensor([0.5, 0.25, 0.0, 0.0]) / 4 / 4
    torch.testing.assert_close(logits.grad[0, 0, :, 0], torch.stack((-slopes, slopes)))


def test_heads_learn_by_themselves() -> None:
    pseudo = PseudoLabels(one_row(0), one_row(1.0), one_row(True))
    right, wrong = torch.tensor([4.0, -4.0]).view(1, 1, 2, 1, 1), torch.tensor([-4.0, 4.0]).view(1, 1, 2, 1, 1)
    both = pseudo_label_loss(torch.cat((right, wrong), dim=1), pseudo)
    alone = [pseudo_label_loss(head, pseudo) for head in (right, wrong)]
    torch.testing.assert_close(both, (alone[0] + alone[1]) / 2)
    assert float(both) > math.log(2)  # the loss of the heads' mean


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_is_the_mean_of_the_heads_cross_entropies(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 2, 5, 6, 7, generator=generator).to(dtype).requires_grad_()
    valid = torch.rand(3, 6, 7, generator=generator) > 0.2
    weights = torch.rand(3, 6, 7, generator=generator) * valid
    pseudo = PseudoLabels(torch.randint(5, (3, 6, 7), generator=generator), weights, valid)
    plain = [
        (functional.cross_entropy(head.float(), pseudo.labels, reduction="none") * weights).sum() / valid.sum()
        for head in logits.unbind(1)
    ]
    (expected,) = torch.autograd.grad(torch.stack(plain).mean(), logits)
    loss = pseudo_label_loss(logits, pseudo)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, torch.stack(plain).mean())
    torch.testing.assert_close(logits.grad, expected)


@pytest.mark.parametrize("valid", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nothing_trusted_and_nothing_valid_is_zero(valid: bool, dtype: torch.dtype) -> None:
    logits = torch.randn(1, 2, 3, 1, 2).to(dtype).requires_grad_()
    loss = pseudo_label_loss(logits, PseudoLabels(one_row(0, 1), one_row(0.0, 0.0), one_row(valid, valid)))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert logits.grad is not None
    assert torch.count_nonzero(logits.grad) == 0


def test_the_strategy_learns_before_it_is_asked_and_hears_what_is_padding() -> None:
    """With decay 0 the threshold is the batch's own mean confidence, (.9 + .6) / 2, for the commonest class."""
    probabilities = torch.tensor([[0.9, 0.6, 0.99], [0.1, 0.4, 0.01]]).view(1, 2, 1, 3)
    strategy = SelfAdaptiveThresholds(2, 0.0)
    pseudo = label_pixels(probabilities, one_row(True, True, False), strategy)
    assert strategy.state_dict()["confidence"].item() == pytest.approx(0.75)
    assert pseudo.weights.tolist() == [[[1, 0, 0]]]
