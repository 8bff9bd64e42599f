import math

import torch
from torch.nn import functional

from trainables.losses.weighted_cross_entropy import weighted_cross_entropy


def drawn() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, 5, 6, dtype=torch.float64, generator=random).requires_grad_()
    return logits, torch.randint(4, (2, 5, 6), generator=random), torch.rand(2, 5, 6, generator=random)


def test_by_hand() -> None:
    """Probabilities 1/2 and 1/4 of the labels with weights 1 and 0.5, by 10 pixels; both heads say the same."""
    probabilities = torch.tensor([[0.5, 0.75], [0.5, 0.25]]).view(1, 1, 2, 1, 2).expand(1, 2, 2, 1, 2)
    labels, weights = torch.tensor([[[0, 1]]]), torch.tensor([[[1.0, 0.5]]])
    loss = weighted_cross_entropy(probabilities.log(), labels, weights, torch.tensor(10))
    assert math.isclose(float(loss), (math.log(2) + 0.5 * math.log(4)) / 10, rel_tol=1e-6)


def test_equals_torchs_in_value_and_gradient() -> None:
    logits, labels, weights = drawn()
    losses = [
        (functional.cross_entropy(head, labels, reduction="none") * weights).sum() / 7 for head in logits.unbind(1)
    ]
    expected = torch.stack(losses).mean()
    found = weighted_cross_entropy(logits, labels, weights, torch.tensor(7))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.autograd.grad(2 * found, logits), torch.autograd.grad(2 * expected, logits))


def test_gradients_are_those_of_finite_differences() -> None:
    logits, labels, weights = drawn()
    assert torch.autograd.gradcheck(
        lambda values: weighted_cross_entropy(values, labels, weights, torch.tensor(7)), logits
    )
