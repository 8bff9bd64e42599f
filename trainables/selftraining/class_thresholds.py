"""Thresholds that stay as configured, one per class."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


class ClassThresholds:
    """Trusts a pseudo-label whose confidence exceeds the threshold of its class; learns nothing."""

    def __init__(self, thresholds: Sequence[float]) -> None:
        self._thresholds = torch.tensor(thresholds, dtype=torch.float32)

    def update(self, probabilities: Tensor, valid: Tensor) -> None:
        """Nothing to learn."""

    def mask(self, confidence: Tensor, labels: Tensor) -> Tensor:
        """1 where the confidence is greater than the threshold of the pixel's label, else 0."""
        self._thresholds = self._thresholds.to(confidence.device)
        return (confidence > self._thresholds[labels]).to(torch.float32)

    def state_dict(self) -> dict[str, Tensor]:
        """Empty: the thresholds follow from the configuration."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Nothing to take up."""
