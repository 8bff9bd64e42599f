"""Self-adaptive thresholds on values computed by hand."""

import pytest
import torch
from torch import Tensor

from tests.trainables.selftraining.strategies import create
from trainables.selftraining.freematch import SelfAdaptiveThresholds


def pixels(*predictions: tuple[float, ...]) -> Tensor:
    """(1, C, 1, number of predictions)."""
    return torch.tensor(predictions).T.unsqueeze(0).unsqueeze(2)


def all_of(batch: Tensor) -> Tensor:
    return torch.ones(batch[:, 0].shape, dtype=torch.bool)


def test_both_averages_start_at_one_in_c_and_all_labels_pass() -> None:
    strategy = SelfAdaptiveThresholds(4, 0.9)
    assert strategy.state_dict()["confidence"].item() == 0.25
    assert strategy.state_dict()["probabilities"].tolist() == [0.25] * 4
    assert strategy.mask(torch.tensor([[[0.25, 0.26]]]), torch.tensor([[[0, 3]]])).tolist() == [[[1, 1]]]


def test_two_batches_by_hand() -> None:
    """Decay .5, two classes, starting at .5.

    First batch (.9, .1), (.6, .4): mean confidence .75, mean probabilities (.75, .25).
    Averages: .625 and (.625, .375).
    Second batch (.2, .8) twice: .8 and (.2, .8). Averages: .7125 and (.4125, .5875).
    Thresholds: .7125 * .4125 / .5875 = .50027 and .7125.
    """
    strategy = SelfAdaptiveThresholds(2, 0.5)
    for batch in (pixels((0.9, 0.1), (0.6, 0.4)), pixels((0.2, 0.8), (0.2, 0.8))):
        strategy.update(batch, all_of(batch))
    state = strategy.state_dict()
    assert state["confidence"].item() == pytest.approx(0.7125)
    assert state["probabilities"].tolist() == pytest.approx([0.4125, 0.5875])
    confidence = torch.tensor([[[0.5002, 0.5003, 0.7124, 0.7126]]])
    assert strategy.mask(confidence, torch.tensor([[[0, 0, 1, 1]]])).tolist() == [[[0, 1, 0, 1]]]


def test_only_valid_pixels_count() -> None:
    """Of (.9, .1) and (.6, .4) the second is padding: averages (.5 + .9) / 2 and ((.5 + .9) / 2, (.5 + .1) / 2)."""
    strategy = SelfAdaptiveThresholds(2, 0.5)
    strategy.update(pixels((0.9, 0.1), (0.6, 0.4)), torch.tensor([[[True, False]]]))
    assert strategy.state_dict()["confidence"].item() == pytest.approx(0.7)
    assert strategy.state_dict()["probabilities"].tolist() == pytest.approx([0.7, 0.3])


def test_the_decay_is_the_schedules() -> None:
    """Recipe length, decay .99: after one batch of (.85, .05, .05, .05) the mean is .25 + .01 * .6."""
    strategy = create("freematch", threshold_decay=0.99)
    batch = pixels((0.85, 0.05, 0.05, 0.05))
    strategy.update(batch, all_of(batch))
    assert strategy.state_dict()["confidence"].item() == pytest.approx(0.256)
