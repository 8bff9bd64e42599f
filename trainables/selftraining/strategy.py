"""What a threshold strategy is, and the registry of them."""

from collections.abc import Callable, Mapping
from typing import Protocol

from torch import Tensor

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from spaces.schedule import Schedule


class ThresholdStrategy(Protocol):
    """Decides which pseudo-labels are trusted, and how much.

    `update` and `mask` never wait for the device: what they learn stays there, as float32 tensors.
    """

    def update(self, probabilities: Tensor, valid: Tensor) -> None:
        """Learn from the teacher's predictions of one batch, before `mask` is asked about it.

        A batch without a valid pixel changes nothing.

        Args:
            probabilities: (B, C, H, W), float32, summing to 1 over C.
            valid: (B, H, W), bool: False where the pixel is padding, from which nothing is learned.
        """
        ...

    def mask(self, confidence: Tensor, labels: Tensor) -> Tensor:
        """Weight of each pseudo-label in the loss, never smaller for a higher confidence; learns nothing.

        Args:
            confidence: (B, H, W), float32, the probability of each pixel's label.
            labels: (B, H, W), int64 class indices.

        Returns:
            (B, H, W), float32, from 0 (not trusted) to 1.
        """
        ...

    def state_dict(self) -> dict[str, Tensor]:
        """What `update` has learned; empty where nothing is."""
        ...

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take up what another object of the same strategy and configuration has learned."""
        ...


StrategyFactory = Callable[[TrialConfig, Schedule, tuple[str, ...]], ThresholdStrategy]
"""Builds a strategy from a configuration, its schedule (which holds the scaled decay) and the names of the classes."""

_factories: dict[str, StrategyFactory] = {}


def register_threshold_strategy(name: str) -> Callable[[StrategyFactory], StrategyFactory]:
    """Make a factory known under the name that `TrialConfig.threshold_strategy` uses."""

    def register(factory: StrategyFactory) -> StrategyFactory:
        _factories[name] = factory
        return factory

    return register


def threshold_strategy_names() -> tuple[str, ...]:
    """Names of all registered strategies, sorted."""
    return tuple(sorted(_factories))


def create_threshold_strategy(
    config: TrialConfig, schedule: Schedule, class_names: tuple[str, ...]
) -> ThresholdStrategy:
    """The strategy that a configuration names.

    Raises:
        InputError: If no strategy has that name.
    """
    try:
        factory = _factories[config.threshold_strategy]
    except KeyError:
        known = ", ".join(threshold_strategy_names())
        raise InputError(
            f"threshold_strategy: unknown strategy {config.threshold_strategy!r}; one of: {known}"
        ) from None
    return factory(config, schedule, class_names)
