"""Where the values of a configuration come from; each is a `spaces.parameters.Suggest`."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from spaces.conditions import Scalar

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution

_BELOW_ONE = math.nextafter(1.0, 0.0)


class UnitSource:
    """Turns numbers from 0 to 1 into values, uniformly over choices and ranges, logarithmically where asked."""

    def __init__(self, number_of: Callable[[str], float]) -> None:
        """Draw from numbers.

        Args:
            number_of: The number in [0, 1) for a parameter, by the name that it is drawn under.
        """
        self._number_of = number_of

    def choose(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        """Pick one of `choices`."""
        return choices[int(self._number(name) * len(choices))]

    def real(self, name: str, low: float, high: float, *, log: bool) -> float:
        """Pick a real number between `low` and `high`."""
        return min(high, max(low, _between(self._number(name), low, high, log=log)))

    def integer(self, name: str, low: int, high: int, *, log: bool) -> int:
        """Pick an integer between `low` and `high`, both as often as their neighbours."""
        drawn = round(_between(self._number(name), low - 0.5, high + 0.5, log=log))
        return min(high, max(low, drawn))

    def _number(self, name: str) -> float:
        return min(self._number_of(name), _BELOW_ONE)


class OptunaSource:
    """Draws from a trial that an Optuna study was asked for."""

    def __init__(self, trial: "Trial") -> None:
        self._trial = trial

    def choose(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        """Pick one of `choices`."""
        value = self._trial.suggest_categorical(name, list(choices))
        assert value is not None  # noqa: S101 - none of the choices is None
        return value

    def real(self, name: str, low: float, high: float, *, log: bool) -> float:
        """Pick a real number between `low` and `high`."""
        return self._trial.suggest_float(name, low, high, log=log)

    def integer(self, name: str, low: int, high: int, *, log: bool) -> int:
        """Pick an integer between `low` and `high`."""
        return self._trial.suggest_int(name, low, high, log=log)


class RecordedSource:
    """Draws known values once more, and notes Optuna's distribution of each.

    Attributes:
        drawn: The values by the names under which they were drawn.
        distributions: What each came from.
    """

    def __init__(self, values: Mapping[str, Scalar]) -> None:
        """Draw from values.

        Args:
            values: By the name under which each is drawn, as `Space.suggestions_of` gives them.
        """
        self._values = values
        self.drawn: dict[str, Scalar] = {}
        self.distributions: dict[str, BaseDistribution] = {}

    def choose(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        """Return the known value."""
        from optuna.distributions import CategoricalDistribution

        return self._note(name, CategoricalDistribution(list(choices)))

    def real(self, name: str, low: float, high: float, *, log: bool) -> float:
        """Return the known value."""
        from optuna.distributions import FloatDistribution

        return float(self._note(name, FloatDistribution(low, high, log=log)))

    def integer(self, name: str, low: int, high: int, *, log: bool) -> int:
        """Return the known value."""
        from optuna.distributions import IntDistribution

        return int(self._note(name, IntDistribution(low, high, log=log)))

    def _note(self, name: str, distribution: "BaseDistribution") -> Scalar:
        self.drawn[name] = self._values[name]
        self.distributions[name] = distribution
        return self._values[name]


def _between(number: float, low: float, high: float, *, log: bool) -> float:
    if log:
        return math.exp(math.log(low) + number * (math.log(high) - math.log(low)))
    return low + number * (high - low)
