import copy

import pytest
import torch

from spaces.configuration import TrialConfig
from tests.trainables.small_model import SmallModel
from tests.trainables.small_trial import small_config
from trainables.training.ema import ModelAverage


def model(config: TrialConfig | None = None) -> SmallModel:
    torch.manual_seed(0)
    return SmallModel(config or small_config(heads=1), classes=4)


def disturb(followed: SmallModel, amount: float) -> None:
    with torch.no_grad():
        for tensor in (*followed.parameters(), *followed.buffers()):
            tensor.add_(amount if tensor.is_floating_point() else 1)


def test_warm_up_is_the_plain_mean_and_forgets_the_initial_weights() -> None:
    followed = model()
    average = ModelAverage(followed, decay=0.999)
    start = copy.deepcopy(followed.state_dict())
    for _ in range(4):
        disturb(followed, 1.0)
        average.update()
    for name, value in average.model.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, start[name] + 2.5)  # the mean of 1, 2, 3 and 4
        else:
            assert int(value) == int(start[name]) + 4


def test_after_the_warm_up_the_decay_holds() -> None:
    followed = model()
    average = ModelAverage(followed, decay=0.5)
    expected = 0.0
    name, start = next((n, p.detach().clone()) for n, p in followed.named_parameters())
    for update in range(6):
        disturb(followed, 1.0)
        average.update()
        decay = min(1 - 1 / (update + 1), 0.5)
        expected = decay * expected + (1 - decay) * (update + 1)
    torch.testing.assert_close(average.model.state_dict()[name], start + expected)


def test_the_average_is_a_model_of_its_own() -> None:
    followed = model()
    average = ModelAverage(followed, decay=0.9)
    assert not average.model.training
    assert followed.training
    assert not any(parameter.requires_grad for parameter in average.model.parameters())
    assert all(parameter.requires_grad for parameter in followed.parameters())
    mine = {tensor.data_ptr() for tensor in average.model.state_dict().values()}
    assert not mine & {tensor.data_ptr() for tensor in followed.state_dict().values()}


def test_state_round_trip() -> None:
    followed = model()
    first = ModelAverage(followed, decay=0.9)
    for _ in range(3):
        disturb(followed, 0.5)
        first.update()
    second = ModelAverage(followed, decay=0.9)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    disturb(followed, 0.5)
    first.update()
    second.update()
    assert second.updates == 4
    for name, value in first.model.state_dict().items():
        assert torch.equal(second.model.state_dict()[name], value)


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_no_decay_copies(decay: float) -> None:
    followed = model()
    average = ModelAverage(followed, decay)
    disturb(followed, 1.0)
    average.update()
    for name, value in followed.state_dict().items():
        assert torch.equal(average.model.state_dict()[name], value)
