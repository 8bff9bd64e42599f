import torch

from tests.trainables.small_trial import small_config
from trainables.losses.combined import supervised_loss
from trainables.losses.cross_entropy import cross_entropy
from trainables.losses.dice import dice_loss
from trainables.losses.focal import focal_loss


def test_shares_and_mean_over_heads() -> None:
    torch.manual_seed(0)
    heads = [torch.randn(2, 4, 5, 5) for _ in range(3)]
    target, weights = torch.randint(4, (2, 5, 5)), torch.tensor([1.0, 2.0, 3.0, 4.0])
    terms = supervised_loss(heads, target, small_config(dice_weight=0.3, focal_weight=0.1), weights)
    logs = [head.log_softmax(1) for head in heads]
    parts = [
        torch.stack([cross_entropy(log, target, weights) for log in logs]).mean(),
        torch.stack([dice_loss(log, target) for log in logs]).mean(),
        torch.stack([focal_loss(log, target, 2.0) for log in logs]).mean(),
    ]
    torch.testing.assert_close([terms.cross_entropy, terms.dice, terms.focal], parts)
    torch.testing.assert_close(terms.total, 0.6 * parts[0] + 0.3 * parts[1] + 0.1 * parts[2])


def test_every_head_gets_a_gradient_of_its_own() -> None:
    torch.manual_seed(0)
    heads = [torch.randn(2, 4, 5, 5, requires_grad=True) for _ in range(3)]
    supervised_loss(heads, torch.randint(4, (2, 5, 5)), small_config(), torch.ones(4)).total.backward()  # type: ignore[no-untyped-call]
    gradients = [head.grad for head in heads]
    assert all(gradient is not None and torch.count_nonzero(gradient) for gradient in gradients)
    assert not torch.equal(gradients[0], gradients[1])  # type: ignore[arg-type]


def test_half_precision_logits_are_computed_with_in_float32() -> None:
    logits = torch.randn(2, 4, 5, 5).bfloat16()
    terms = supervised_loss([logits], torch.randint(4, (2, 5, 5)), small_config(), torch.ones(4))
    assert terms.total.dtype == torch.float32


def test_all_ignored_is_zero_and_not_nan() -> None:
    logits = torch.randn(2, 4, 5, 5, requires_grad=True)
    total = supervised_loss([logits], torch.full((2, 5, 5), 255), small_config(), torch.ones(4)).total
    total.backward()  # type: ignore[no-untyped-call]
    assert float(total.detach()) == 0
    assert logits.grad is not None
    assert torch.count_nonzero(logits.grad) == 0
