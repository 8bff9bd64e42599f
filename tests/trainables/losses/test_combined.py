import torch

from tests.trainables.losses.definitions import plain_terms
from tests.trainables.small_trial import small_config
from trainables.losses.combined import supervised_loss


def test_the_total_has_the_configurations_shares() -> None:
    torch.manual_seed(0)
    logits, target = torch.randn(2, 3, 4, 5, 5), torch.randint(4, (2, 5, 5))
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0])
    terms = supervised_loss(logits, target, small_config(dice_weight=0.3, focal_weight=0.1), weights)
    expected = plain_terms(logits, target, weights, 2.0)
    torch.testing.assert_close((terms.cross_entropy, terms.dice, terms.focal), tuple(expected))
    torch.testing.assert_close(terms.total, 0.6 * expected[0] + 0.3 * expected[1] + 0.1 * expected[2])


def test_the_focal_exponent_is_the_configurations() -> None:
    torch.manual_seed(0)
    logits, target = torch.randn(2, 3, 4, 5, 5), torch.randint(4, (2, 5, 5))
    terms = supervised_loss(logits, target, small_config(focal_gamma=0.5), torch.ones(4))
    torch.testing.assert_close(terms.focal, plain_terms(logits, target, torch.ones(4), 0.5).focal)
