"""No self-training."""

from collections.abc import Mapping

import torch
from torch import Tensor

from spaces.configuration import OFF, TrialConfig
from spaces.schedule import Schedule
from trainables.selftraining.strategy import register_threshold_strategy


@register_threshold_strategy(OFF)
def off(config: TrialConfig, schedule: Schedule, class_names: tuple[str, ...]) -> "TrustNothing":
    """Supervised training alone; the trainer then draws no unlabelled image in the first place."""
    return TrustNothing()


class TrustNothing:
    """Trusts no pseudo-label, not even a certain one; learns nothing."""

    def update(self, probabilities: Tensor, valid: Tensor) -> None:
        """Nothing to learn."""

    def mask(self, confidence: Tensor, labels: Tensor) -> Tensor:
        """0 everywhere."""
        return torch.zeros_like(confidence, dtype=torch.float32)

    def state_dict(self) -> dict[str, Tensor]:
        """Empty."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Nothing to take up."""
