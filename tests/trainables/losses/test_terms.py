"""Each supervised loss by hand, by its plain definition, and by numbers."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from tests.trainables.losses.definitions import plain_terms
from trainables.losses import pixel_blocks
from trainables.losses.terms import loss_terms


def one_row(*pixels: tuple[float, ...]) -> Tensor:
    """Logits of one head for one row of pixels with these probabilities."""
    return torch.tensor(pixels).T.reshape(1, 1, len(pixels[0]), 1, len(pixels)).log()


def target_row(*labels: int) -> Tensor:
    return torch.tensor([[labels]])


def drawn(seed: int, *, ignored: float = 0.3) -> tuple[Tensor, Tensor, Tensor]:
    """Double logits (2, 3, 5, 4, 6) that require a gradient, a target without class 4, class weights."""
    random = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(2, 3, 5, 4, 6, dtype=torch.float64, generator=random)
    target = torch.randint(4, (2, 4, 6), generator=random)
    target[torch.rand(2, 4, 6, generator=random) < ignored] = 255
    return logits.requires_grad_(), target, torch.rand(5, dtype=torch.float64, generator=random) + 0.1


def test_cross_entropy_by_hand() -> None:
    """Two pixels with probabilities 1/2 and 1/4 of their true classes, weights 1 and 3; the third is ignored."""
    logits = one_row((0.5, 0.5), (0.75, 0.25), (0.9, 0.1))
    loss = loss_terms(logits, target_row(0, 1, 255), torch.tensor([1.0, 3.0]), 2.0).cross_entropy
    assert math.isclose(float(loss), (math.log(2) + 3 * math.log(4)) / 4, rel_tol=1e-6)


def test_a_class_without_pixels_carries_no_weight() -> None:
    logits = one_row((0.5, 0.25, 0.25), (0.25, 0.5, 0.25))
    light, heavy = (
        loss_terms(logits, target_row(0, 1), torch.tensor([1.0, 1.0, weight]), 2.0).cross_entropy
        for weight in (1.0, 1000.0)
    )
    assert float(light) == float(heavy) == pytest.approx(math.log(2))


def test_dice_by_hand() -> None:
    """Class 0: 2 * 0.8 / (1 + 1.2) = 8/11; class 1: 2 * 0.6 / (1 + 0.8) = 2/3; the third pixel is ignored."""
    logits = one_row((0.8, 0.2), (0.4, 0.6), (0.9, 0.1))
    loss = loss_terms(logits, target_row(0, 1, 255), torch.ones(2), 2.0).dice
    assert math.isclose(float(loss), 1 - (8 / 11 + 2 / 3) / 2, rel_tol=1e-6)


def test_dice_leaves_absent_classes_out() -> None:
    """Of three classes one is there: 2 * (0.8 + 0.6) / (2 + 1.4) = 14/17."""
    loss = loss_terms(one_row((0.8, 0.1, 0.1), (0.6, 0.4, 0.0)), target_row(0, 0), torch.ones(3), 2.0).dice
    assert math.isclose(float(loss), 1 - 14 / 17, rel_tol=1e-6)


def test_dice_of_a_perfect_prediction_is_0_however_many_classes_are_absent() -> None:
    certain = torch.full((1, 1, 7, 2, 2), -100.0)
    certain[:, :, 3] = 0.0
    assert float(loss_terms(certain, torch.full((1, 2, 2), 3), torch.ones(7), 2.0).dice) < 1e-6


def test_focal_by_hand() -> None:
    """Probabilities 1/2 and 1/4 of the true classes: (1/2)^2 log 2 and (3/4)^2 log 4; the third is ignored."""
    logits = one_row((0.5, 0.5), (0.75, 0.25), (0.9, 0.1))
    loss = loss_terms(logits, target_row(0, 1, 255), torch.ones(2), 2.0).focal
    assert math.isclose(float(loss), (0.25 * math.log(2) + 0.5625 * math.log(4)) / 2, rel_tol=1e-6)


def test_focal_with_gamma_0_is_the_plain_cross_entropy() -> None:
    logits, target, _ = drawn(0)
    expected = functional.cross_entropy(logits[:, 0], target, ignore_index=255)
    torch.testing.assert_close(loss_terms(logits[:, :1], target, torch.ones(5), 0.0).focal, expected)


def test_cross_entropy_equals_torchs() -> None:
    logits, target, weights = drawn(1)
    expected = functional.cross_entropy(logits[:, 0], target, weights, ignore_index=255)
    torch.testing.assert_close(loss_terms(logits[:, :1], target, weights, 2.0).cross_entropy, expected)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31), gamma=st.sampled_from((0.0, 0.5, 1.0, 2.0)), ignored=st.floats(0, 0.9),
    block=st.sampled_from((1, 7, 4096)),
)  # fmt: skip
def test_values_and_gradients_are_those_of_the_plain_definitions(
    seed: int, gamma: float, ignored: float, block: int
) -> None:
    logits, target, weights = drawn(seed, ignored=ignored)
    target[0, 0, 0] = 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pixel_blocks, "CPU_BLOCK_PIXELS", block)
        found = loss_terms(logits, target, weights, gamma)
        expected = plain_terms(logits, target, weights, gamma)
        torch.testing.assert_close(found, expected)
        for one, other in zip(found, expected, strict=True):
            gradients = [torch.autograd.grad(loss, logits, retain_graph=True)[0] for loss in (one, other)]
            torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradients_are_those_of_finite_differences(gamma: float) -> None:
    logits, target, weights = drawn(2)
    assert torch.autograd.gradcheck(lambda values: loss_terms(values, target, weights, gamma), logits)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("label", [0, 1])
def test_certain_pixels_right_or_wrong_have_a_finite_gradient(gamma: float, label: int) -> None:
    logits = torch.tensor([1000.0, 0.0]).view(1, 1, 2, 1, 1).requires_grad_()
    terms = loss_terms(logits, torch.full((1, 1, 1), label), torch.ones(2), gamma)
    torch.stack(terms).sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None and torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_layout_in_memory_changes_nothing_and_the_gradient_has_the_logits_own(dtype: torch.dtype) -> None:
    logits, target, weights = drawn(3)
    plain = logits.detach().to(dtype).requires_grad_()
    last = plain.detach().flatten(1, 2).contiguous(memory_format=torch.channels_last).unflatten(1, (3, 5))
    last.requires_grad_()
    assert last.stride() != plain.stride()
    losses = [loss_terms(one, target, weights.float(), 2.0) for one in (plain, last)]
    torch.testing.assert_close(*losses)
    first, second = (
        torch.autograd.grad(sum(terms), one)
        for terms, one in zip(losses, (plain, last), strict=True)  # type: ignore[arg-type]
    )
    assert second[0].dtype == dtype and second[0].stride() == last.stride()
    torch.testing.assert_close(first, second)
