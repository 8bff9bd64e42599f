"""Truncated Gaussian weights on values computed by hand."""

import math

import pytest
import torch
from torch import Tensor

from tests.trainables.selftraining.strategies import create
from trainables.selftraining.softmatch import TruncatedGaussianWeights

LABEL = torch.zeros(1, 1, 1, dtype=torch.int64)


def pixels(*confidences: float) -> Tensor:
    """(1, 2, 1, number of confidences): predictions of two classes with these highest probabilities."""
    return torch.tensor([confidences, [1 - confidence for confidence in confidences]]).unsqueeze(0).unsqueeze(2)


def weight(strategy: TruncatedGaussianWeights, confidence: float) -> float:
    return strategy.mask(torch.full((1, 1, 1), confidence), LABEL).item()


def test_it_starts_at_mean_one_in_c_and_variance_one() -> None:
    strategy = TruncatedGaussianWeights(4, 0.9, 2.0)
    assert weight(strategy, 0.25) == 1
    assert weight(strategy, 0.0) == pytest.approx(math.exp(-(0.25**2) / (2 * 1 / 4)))


def test_two_batches_by_hand() -> None:
    """Decay .5, two classes, starting at mean .5 and variance 1; two sigmas.

    First batch .9, .7: mean .8, unbiased variance .02. Averages: .65 and .51.
    Second batch .6, .6, .9: mean .7, variance (.01 + .01 + .04) / 2 = .03. Averages: .675 and .27.
    """
    strategy = TruncatedGaussianWeights(2, 0.5, 2.0)
    for batch in (pixels(0.9, 0.7), pixels(0.6, 0.6, 0.9)):
        strategy.update(batch, torch.ones(batch[:, 0].shape, dtype=torch.bool))
    assert strategy.state_dict()["mean"].item() == pytest.approx(0.675)
    assert strategy.state_dict()["variance"].item() == pytest.approx(0.27)
    assert weight(strategy, 0.675) == weight(strategy, 0.99) == 1
    assert weight(strategy, 0.5) == pytest.approx(math.exp(-(0.175**2) / (2 * 0.27 / 4)))


def test_one_deviation_below_the_mean_the_weight_is_that_of_the_sigmas() -> None:
    strategy = TruncatedGaussianWeights(2, 0.0, 3.0)
    batch = pixels(0.9, 0.7)
    strategy.update(batch, torch.ones(1, 1, 2, dtype=torch.bool))
    assert weight(strategy, 0.8 - math.sqrt(0.02)) == pytest.approx(math.exp(-4.5), rel=1e-5)


def test_only_valid_pixels_count_and_one_has_no_variance() -> None:
    strategy = TruncatedGaussianWeights(2, 0.5, 2.0)
    strategy.update(pixels(0.9, 0.6), torch.tensor([[[True, False]]]))
    assert strategy.state_dict()["mean"].item() == pytest.approx(0.7)
    assert strategy.state_dict()["variance"].item() == 1


def test_equal_confidences_weigh_all_and_lower_ones_nothing() -> None:
    strategy = TruncatedGaussianWeights(2, 0.0, 2.0)
    strategy.update(pixels(0.75, 0.75, 0.75), torch.ones(1, 1, 3, dtype=torch.bool))
    assert strategy.state_dict()["variance"].item() == 0
    assert weight(strategy, 0.75) == 1
    assert weight(strategy, 0.7) == 0


def test_decay_and_sigmas_are_the_configurations() -> None:
    """Recipe length, decay .99: the mean moves by a hundredth from 1/4 to .85; half the sigmas, a higher weight."""
    strategies = [create("softmatch", threshold_decay=0.99, threshold_sigmas=sigmas) for sigmas in (1.0, 2.0)]
    batch = torch.tensor([0.85, 0.05, 0.05, 0.05]).view(1, 4, 1, 1)
    for strategy in strategies:
        strategy.update(batch, torch.ones(1, 1, 1, dtype=torch.bool))
        assert strategy.state_dict()["mean"].item() == pytest.approx(0.256)
    wide, narrow = (strategy.mask(torch.zeros(1, 1, 1), LABEL).item() for strategy in strategies)
    assert wide == pytest.approx(math.exp(-(0.256**2) / 2))
    assert narrow == pytest.approx(math.exp(-4 * 0.256**2 / 2))
