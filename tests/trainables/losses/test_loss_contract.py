"""What every loss promises, whatever it measures: a loss passes this suite by being listed."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.trainables.small_trial import small_config
from trainables.losses.combined import supervised_loss
from trainables.losses.terms import loss_terms
from trainables.losses.weighted_cross_entropy import weighted_cross_entropy

WEIGHTS = torch.tensor([10.0, 2.0, 0.5, 1.0, 0.0])

Loss = Callable[[Tensor, Tensor], Tensor]


def total(logits: Tensor, target: Tensor) -> Tensor:
    return supervised_loss(logits, target, small_config(), WEIGHTS).total


def pseudo(logits: Tensor, target: Tensor) -> Tensor:
    counted = target != 255
    return weighted_cross_entropy(logits, target.where(counted, 0), counted.float(), torch.tensor(target.numel()))


LOSSES: dict[str, Loss] = {
    "cross_entropy": lambda logits, target: loss_terms(logits, target, WEIGHTS, 2.0).cross_entropy,
    "dice": lambda logits, target: loss_terms(logits, target, WEIGHTS, 2.0).dice,
    "focal": lambda logits, target: loss_terms(logits, target, WEIGHTS, 2.0).focal,
    "supervised": total,
    "weighted_cross_entropy": pseudo,
}

every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def batch() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    target = torch.randint(4, (2, 6, 8), generator=random)
    target[:, :2] = 255
    return torch.randn(2, 3, 5, 6, 8, generator=random).requires_grad_(), target


@every_loss
def test_finite_and_not_negative_and_less_for_what_is_right(loss: Loss) -> None:
    logits, target = batch()
    value = loss(logits, target)
    assert value.shape == () and torch.isfinite(value) and value > 0
    truth = torch.nn.functional.one_hot(target.where(target != 255, 0), 5).movedim(-1, 1).unsqueeze(1)
    assert 0 <= loss(20.0 * truth.expand(-1, 3, -1, -1, -1), target) < 1e-3 < value


@every_loss
def test_ignored_pixels_get_no_gradient_and_change_nothing(loss: Loss) -> None:
    logits, target = batch()
    value = loss(logits, target)
    (gradient,) = torch.autograd.grad(value, logits)
    assert torch.count_nonzero(gradient[..., :2, :]) == 0
    assert torch.count_nonzero(gradient[..., 2:, :])
    other = logits.detach().clone()
    other[..., :2, :] = 30.0 * torch.randn(2, 3, 5, 2, 8, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(loss(other, target), value.detach())


@every_loss
def test_gradients_step_downhill_for_every_head(loss: Loss) -> None:
    logits, target = batch()
    value = loss(logits, target)
    (gradient,) = torch.autograd.grad(value, logits)
    assert all(torch.count_nonzero(gradient[:, head]) for head in range(3))
    assert not torch.equal(gradient[:, 0], gradient[:, 1])
    assert loss(logits - 0.1 * gradient, target) < value


@every_loss
def test_the_order_of_pixels_does_not_matter(loss: Loss) -> None:
    logits, target = batch()
    order = torch.randperm(48, generator=torch.Generator().manual_seed(2))
    shuffled = logits.flatten(3)[..., order].view_as(logits)
    torch.testing.assert_close(loss(shuffled, target.flatten(1)[:, order].view_as(target)), loss(logits, target))


@every_loss
def test_the_order_of_heads_does_not_matter(loss: Loss) -> None:
    logits, target = batch()
    torch.testing.assert_close(loss(logits.flip(1), target), loss(logits, target))


@every_loss
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_are_computed_with_in_float32(loss: Loss, dtype: torch.dtype) -> None:
    logits, target = batch()
    half = logits.detach().to(dtype).requires_grad_()
    value = loss(half, target)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, loss(half.detach().float(), target))
    (gradient,) = torch.autograd.grad(value, half)
    assert gradient.dtype == dtype and torch.isfinite(gradient).all()


@every_loss
def test_all_ignored_is_exactly_zero_with_a_zero_gradient(loss: Loss) -> None:
    logits, target = batch()
    value = loss(logits, torch.full_like(target, 255))
    (gradient,) = torch.autograd.grad(2.0**16 * value, logits)  # as float16's loss scaling begins
    assert value.item() == 0
    assert torch.count_nonzero(gradient) == 0
