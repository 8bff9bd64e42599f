import math

import pytest
import torch
from torch.nn import functional

from trainables.losses.focal import focal_loss


def test_by_hand() -> None:
    """Probabilities 1/2 and 1/4 of the true classes: (1/2)^2 log 2 and (3/4)^2 log 4; the third is ignored."""
    probabilities = torch.tensor([[0.5, 0.75, 0.9], [0.5, 0.25, 0.1]]).view(1, 2, 1, 3)
    loss = focal_loss(probabilities.log(), torch.tensor([[[0, 1, 255]]]), gamma=2.0)
    assert math.isclose(float(loss), (0.25 * math.log(2) + 0.5625 * math.log(4)) / 2, rel_tol=1e-6)


def test_gamma_zero_is_the_plain_cross_entropy() -> None:
    torch.manual_seed(0)
    logits, target = torch.randn(2, 5, 4, 4), torch.randint(5, (2, 4, 4))
    target[0, 0] = 255
    expected = functional.cross_entropy(logits, target, ignore_index=255)
    torch.testing.assert_close(focal_loss(logits.log_softmax(1), target, gamma=0.0), expected)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_certain_pixels_have_a_finite_gradient(gamma: float) -> None:
    logits = torch.tensor([1000.0, 0.0]).view(1, 2, 1, 1).requires_grad_()
    focal_loss(logits.log_softmax(1), torch.zeros(1, 1, 1, dtype=torch.long), gamma).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_nothing_to_learn_is_zero_with_zero_gradient() -> None:
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    loss = focal_loss(logits.log_softmax(1), torch.full((2, 4, 4), 255), gamma=2.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert logits.grad is not None
    assert torch.count_nonzero(logits.grad) == 0
