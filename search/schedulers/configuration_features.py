"""Configurations as numbers, for surrogates."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.configuration import TrialConfig

INACTIVE = -1.0
"""Stands for parameters of self-training in a configuration without any; no parameter takes it as a value."""

SELFTRAINING_FIELDS = ("selftraining_", "threshold_", "strong_", "cutmix", "complementary_")
"""How the names of parameters begin that mean nothing without self-training."""


class ConfigurationFeatures:
    """Turns configurations into rows of numbers; what is alike in all that it was made from is left out.

    Numbers are as they are, truth values 0 or 1, names a column for each of their values. Fit for surrogates that ask
    for thresholds only, such as trees: nothing is scaled.
    """

    def __init__(self, configs: Sequence[TrialConfig]) -> None:
        """Choose the columns.

        Args:
            configs: Configurations that the surrogate learns from, at least one.
        """
        rows = [_numbers(config) for config in configs]
        names = sorted({name for row in rows for name in row})
        self.names = tuple(name for name in names if len({row.get(name, 0.0) for row in rows}) > 1)

    def __call__(self, configs: Sequence[TrialConfig]) -> NDArray[np.float64]:
        """Rows for some configurations: float64 [configurations, columns]."""
        rows = np.zeros((len(configs), len(self.names)))
        for row, config in enumerate(configs):
            numbers = _numbers(config)
            rows[row] = [numbers.get(name, 0.0) for name in self.names]
        return rows


def _numbers(config: TrialConfig) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for name, value in config.model_dump().items():
        if not config.selftraining and name.startswith(SELFTRAINING_FIELDS) and name != "threshold_strategy":
            numbers[name] = INACTIVE
        else:
            numbers |= _column(name, value)
    return numbers


def _column(name: str, value: Any) -> dict[str, float]:
    if isinstance(value, str):
        return {f"{name}={value}": 1.0}
    if isinstance(value, dict):
        return {f"{name}.{key}": float(entry) for key, entry in value.items()}
    return {name: float(value)}
