"""What every registered threshold strategy promises; registering one adds it to these tests."""

import pytest
import torch
from torch import Tensor

from spaces.errors import InputError
from tests.trainables.selftraining.strategies import CLASS_COUNT, create, everywhere, probabilities
from trainables.selftraining.strategy import ThresholdStrategy, threshold_strategy_names

every_strategy = pytest.mark.parametrize("name", threshold_strategy_names())


def weights_after(strategy: ThresholdStrategy, batch: Tensor, valid: Tensor | None = None) -> Tensor:
    strategy.update(batch, everywhere(batch) if valid is None else valid)
    return strategy.mask(*batch.max(1))


@every_strategy
@pytest.mark.parametrize("images", [1, 3])
def test_weights_are_shares_of_every_pixel(name: str, images: int) -> None:
    weights = weights_after(create(name, threshold_base=0.6), probabilities(0, batch=images))
    assert weights.shape == (images, 8, 8)
    assert weights.dtype == torch.float32
    assert float(weights.min()) >= 0
    assert float(weights.max()) <= 1


@every_strategy
def test_the_same_updates_give_the_same_weights(name: str) -> None:
    first, second = create(name, threshold_base=0.6), create(name, threshold_base=0.6)
    for seed in range(4):
        assert torch.equal(*(weights_after(strategy, probabilities(seed)) for strategy in (first, second)))


@every_strategy
def test_asking_for_weights_changes_nothing(name: str) -> None:
    strategy = create(name, threshold_base=0.6)
    before = weights_after(strategy, probabilities(0))
    state = {key: value.clone() for key, value in strategy.state_dict().items()}
    strategy.mask(*probabilities(1).max(1))
    assert torch.equal(strategy.mask(*probabilities(0).max(1)), before)
    assert all(torch.equal(value, state[key]) for key, value in strategy.state_dict().items())


@every_strategy
def test_inputs_are_left_as_they_are(name: str) -> None:
    batch, valid = probabilities(0), everywhere(probabilities(0))
    confidence, labels = batch.max(1)
    kept = [tensor.clone() for tensor in (batch, valid, confidence, labels)]
    strategy = create(name)
    strategy.update(batch, valid)
    strategy.mask(confidence, labels)
    assert all(map(torch.equal, kept, (batch, valid, confidence, labels)))


@every_strategy
def test_more_confident_labels_are_trusted_no_less(name: str) -> None:
    strategy = create(name, threshold_base=0.6)
    strategy.update(probabilities(0), everywhere(probabilities(0)))
    confidence = torch.linspace(1 / CLASS_COUNT, 1, 50).expand(CLASS_COUNT, 50).unsqueeze(0)
    labels = torch.arange(CLASS_COUNT).unsqueeze(1).expand(CLASS_COUNT, 50).unsqueeze(0)
    assert (strategy.mask(confidence, labels).diff(dim=2) >= 0).all()


@every_strategy
def test_padding_teaches_nothing(name: str) -> None:
    """The same valid pixels beside other padding, even beside padding that holds no numbers."""
    valid = torch.zeros(2, 8, 8, dtype=torch.bool)
    valid[0, :5] = True
    first, second = create(name, threshold_base=0.6), create(name, threshold_base=0.6)
    batch, others = probabilities(0), probabilities(1)
    others[0, :, :5] = batch[0, :, :5]
    others[1, :, 3] = torch.nan
    first.update(batch, valid)
    second.update(others, valid)
    assert torch.equal(*(strategy.mask(*probabilities(2).max(1)) for strategy in (first, second)))


@every_strategy
def test_a_batch_of_padding_changes_nothing(name: str) -> None:
    strategy, untouched = create(name, threshold_base=0.6), create(name, threshold_base=0.6)
    for one in (strategy, untouched):
        one.update(probabilities(0), everywhere(probabilities(0)))
    strategy.update(probabilities(1), everywhere(probabilities(1), value=False))
    state, expected = strategy.state_dict(), untouched.state_dict()
    assert all(torch.equal(state[key], expected[key]) for key in expected)
    assert torch.equal(*(one.mask(*probabilities(2).max(1)) for one in (strategy, untouched)))


@every_strategy
def test_the_state_is_float32_and_carries_over_bit_for_bit(name: str) -> None:
    first, second = create(name, threshold_base=0.6), create(name, threshold_base=0.6)
    for seed in range(5):
        weights_after(first, probabilities(seed))
    saved = first.state_dict()
    assert all(value.dtype == torch.float32 for value in saved.values())
    second.load_state_dict(saved)
    assert all(torch.equal(value, saved[key]) for key, value in second.state_dict().items())
    kept = {key: value.clone() for key, value in saved.items()}
    for seed in range(5, 8):
        assert torch.equal(*(weights_after(strategy, probabilities(seed)) for strategy in (first, second)))
    assert all(torch.equal(value, kept[key]) for key, value in saved.items())


@every_strategy
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_nothing_waits_for_a_gpu(name: str) -> None:
    strategy = create(name, threshold_base=0.6)
    batch = probabilities(0).cuda()
    weights_after(strategy, batch)
    torch.cuda.set_sync_debug_mode("error")
    try:
        weights_after(strategy, batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_an_unknown_strategy_is_bad_input() -> None:
    with pytest.raises(InputError, match="'nosuch'; one of: classwise, fixed, freematch, off, softmatch"):
        create("nosuch")
