"""What every registered threshold strategy promises."""

import pytest
import torch

from spaces.errors import InputError
from tests.trainables.small_trial import CLASSES, small_config
from trainables import selftraining
from trainables.selftraining.strategy import (
    ThresholdStrategy,
    create_threshold_strategy,
    threshold_strategy_names,
)

assert selftraining  # importing the package registers its strategies

every_strategy = pytest.mark.parametrize("name", threshold_strategy_names())


def create(name: str, **changes: object) -> ThresholdStrategy:
    return create_threshold_strategy(small_config(threshold_strategy=name, **changes), CLASSES.names)


def probabilities(seed: int) -> torch.Tensor:
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(seed)).mul(2).softmax(1)


@every_strategy
def test_weights_are_shares_of_every_pixel(name: str) -> None:
    strategy = create(name, threshold_base=0.6)
    batch = probabilities(0)
    strategy.update(batch)
    confidence, labels = batch.max(1)
    weights = strategy.mask(confidence, labels)
    assert weights.shape == labels.shape
    assert weights.dtype == torch.float32
    assert float(weights.min()) >= 0
    assert float(weights.max()) <= 1


@every_strategy
def test_more_confident_labels_are_trusted_no_less(name: str) -> None:
    strategy = create(name, threshold_base=0.6)
    strategy.update(probabilities(0))
    confidence = torch.linspace(0.25, 1, 50).expand(4, 50).unsqueeze(0)
    labels = torch.arange(4).unsqueeze(1).expand(4, 50).unsqueeze(0)
    assert (strategy.mask(confidence, labels).diff(dim=2) >= 0).all()


@every_strategy
def test_a_higher_base_trusts_no_more(name: str) -> None:
    confidence, labels = probabilities(1).max(1)
    trusted = []
    for base in (0.0, 0.5, 0.95):
        strategy = create(name, threshold_base=base)
        strategy.update(probabilities(1))
        trusted.append(float(strategy.mask(confidence, labels).sum()))
    assert trusted[0] >= trusted[1] >= trusted[2]
    assert trusted[0] > trusted[2]


@every_strategy
def test_state_carries_over_what_was_learned(name: str) -> None:
    first, second = create(name, threshold_base=0.6), create(name, threshold_base=0.6)
    for seed in range(5):
        first.update(probabilities(seed))
    second.load_state_dict(first.state_dict())
    for seed in range(5, 8):
        batch = probabilities(seed)
        confidence, labels = batch.max(1)
        first.update(batch)
        second.update(batch)
        assert torch.equal(first.mask(confidence, labels), second.mask(confidence, labels))


def test_fixed_has_one_threshold_for_all() -> None:
    confidence, labels = torch.tensor([[[0.7, 0.71, 0.71, 0.9]]]), torch.tensor([[[0, 0, 1, 3]]])
    weights = create("fixed", threshold_base=0.7).mask(confidence, labels)
    assert weights.tolist() == [[[0, 1, 1, 1]]]


def test_classwise_has_base_offsets_and_a_background_of_its_own() -> None:
    strategy = create(
        "classwise",
        threshold_base=0.5,
        threshold_background=0.25,
        threshold_offsets={"Snake Fruit": 0.25, "road": -0.25, "of other data": 0.4},
    )
    confidence = torch.tensor([[[0.25, 0.26, 0.74, 0.76, 0.24, 0.26, 0.49, 0.51]]])
    labels = torch.tensor([[[0, 0, 1, 1, 2, 2, 3, 3]]])
    assert strategy.mask(confidence, labels).tolist() == [[[0, 1, 0, 1, 0, 1, 0, 1]]]


def test_an_unknown_strategy_is_bad_input() -> None:
    with pytest.raises(InputError, match="'nosuch'; one of: classwise, fixed"):
        create("nosuch")
