import math

import torch

from trainables.losses.dice import dice_loss


def one_row(*pixels: tuple[float, ...]) -> torch.Tensor:
    return torch.tensor(pixels).T.reshape(1, len(pixels[0]), 1, len(pixels)).log()


def test_by_hand() -> None:
    """Class 0: 2 * 0.8 / (1 + 1.2) = 8/11; class 1: 2 * 0.6 / (1 + 0.8) = 2/3."""
    loss = dice_loss(one_row((0.8, 0.2), (0.4, 0.6)), torch.tensor([[[0, 1]]]))
    assert math.isclose(float(loss), 1 - (8 / 11 + 2 / 3) / 2, rel_tol=1e-6)


def test_absent_classes_are_left_out() -> None:
    """A batch of one class that is predicted perfectly has no loss, however many classes there are."""
    certain = torch.full((1, 7, 2, 2), -100.0)
    certain[:, 3] = 0.0
    assert float(dice_loss(certain, torch.full((1, 2, 2), 3))) < 1e-6


def test_ignored_pixels_count_neither_as_truth_nor_as_prediction() -> None:
    without = dice_loss(one_row((0.8, 0.2), (0.4, 0.6)), torch.tensor([[[0, 1]]]))
    also_ignored = dice_loss(one_row((0.8, 0.2), (0.4, 0.6), (0.9, 0.1)), torch.tensor([[[0, 1, 255]]]))
    torch.testing.assert_close(also_ignored, without)


def test_nothing_to_learn_is_zero_with_zero_gradient() -> None:
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    loss = dice_loss(logits.log_softmax(1), torch.full((2, 4, 4), 255))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert logits.grad is not None
    assert torch.count_nonzero(logits.grad) == 0
