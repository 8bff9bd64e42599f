import math

import torch
from torch.nn import functional

from trainables.losses.cross_entropy import cross_entropy


def test_by_hand() -> None:
    """Two pixels with probabilities 1/2 and 1/4 of their true classes, weights 1 and 3."""
    probabilities = torch.tensor([[0.5, 0.75], [0.5, 0.25]]).view(1, 2, 1, 2)
    loss = cross_entropy(probabilities.log(), torch.tensor([[[0, 1]]]), torch.tensor([1.0, 3.0]))
    assert math.isclose(float(loss), (math.log(2) + 3 * math.log(4)) / 4, rel_tol=1e-6)


def test_equals_torch_where_some_pixels_are_ignored() -> None:
    torch.manual_seed(0)
    logits, target = torch.randn(2, 5, 6, 7), torch.randint(5, (2, 6, 7))
    target[:, :2] = 255
    weights = torch.tensor([1.0, 2.0, 0.5, 10.0, 0.0])
    expected = functional.cross_entropy(logits, target, weights, ignore_index=255)
    torch.testing.assert_close(cross_entropy(logits.log_softmax(1), target, weights), expected)


def test_nothing_to_learn_is_zero_with_zero_gradient() -> None:
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    loss = cross_entropy(logits.log_softmax(1), torch.full((2, 4, 4), 255), torch.ones(3))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert logits.grad is not None
    assert torch.count_nonzero(logits.grad) == 0
