"""Strategies and predictions for their tests."""

from typing import Any

import torch
from torch import Tensor

from spaces.schedule import schedule_for
from tests.trainables.small_trial import CLASSES, small_config
from trainables import selftraining
from trainables.selftraining.strategy import ThresholdStrategy, create_threshold_strategy

assert selftraining  # importing the package registers its strategies

CLASS_COUNT = len(CLASSES.names)


def create(name: str, **changes: Any) -> ThresholdStrategy:
    """A strategy of that name on the small trial's four classes, with decays as configured."""
    config = small_config(threshold_strategy=name, **changes)
    return create_threshold_strategy(config, schedule_for(config, max_steps=75_000, eval_every=500), CLASSES.names)


def probabilities(seed: int, *, batch: int = 2) -> Tensor:
    """Softmax of noise, (batch, 4, 8, 8)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, CLASS_COUNT, 8, 8, generator=generator).mul(2).softmax(1)


def everywhere(predictions: Tensor, value: bool = True) -> Tensor:
    """Validity of all pixels of the predictions, (B, H, W)."""
    return torch.full(predictions[:, 0].shape, value)
