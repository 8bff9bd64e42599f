from typing import Any

import pytest
import torch
from torch import Tensor

from trainables.evaluation.settings import EvaluationSettings
from trainables.evaluation.window_probabilities import probabilities_in_memory


class HungryModel:
    """Predicts the images themselves, a few at once."""

    def __init__(self, most: int, error: Exception) -> None:
        self.most = most
        self.error = error
        self.tried: list[int] = []

    def probabilities(self, images: Tensor) -> Tensor:
        self.tried.append(len(images))
        if len(images) > self.most:
            raise self.error
        return images.softmax(dim=1)


def predicted(model: Any, images: Tensor, at_once: int, **settings: Any) -> tuple[Tensor, int]:
    return probabilities_in_memory(model, images, EvaluationSettings(**settings), at_once)


@pytest.mark.parametrize("most", [1, 3, 16])
@pytest.mark.parametrize("mirrored", [False, True])
def test_batches_halve_until_memory_suffices_and_all_windows_are_predicted(most: int, mirrored: bool) -> None:
    images = torch.randn(11, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    wanted, _ = predicted(HungryModel(99, RuntimeError()), images, 99, test_time_augmentation=mirrored)
    model = HungryModel(most, torch.OutOfMemoryError("CUDA out of memory"))
    found, at_once = predicted(model, images, 16, test_time_augmentation=mirrored)
    assert torch.equal(found, wanted)
    assert at_once == {1: 1, 3: 2, 16: 16}[most]


def test_a_window_that_does_not_fit_alone_is_an_error() -> None:
    model = HungryModel(0, MemoryError("no"))
    with pytest.raises(MemoryError):
        predicted(model, torch.zeros(4, 2, 4, 4), 4)
    assert model.tried == [4, 2, 1]


def test_other_errors_are_not_repeated() -> None:
    model = HungryModel(0, RuntimeError("sizes do not fit"))
    with pytest.raises(RuntimeError, match="sizes"):
        predicted(model, torch.zeros(4, 2, 4, 4), 4)
    assert model.tried == [4]
