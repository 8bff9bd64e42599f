"""Sources of values for spaces, without a sampler."""

import math
import random
from collections.abc import Mapping, Sequence

from spaces.parameters import Scalar


class RandomSource:
    """Draws at random from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def choose(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        return self._random.choice(list(choices))

    def real(self, name: str, low: float, high: float, *, log: bool) -> float:
        if log:
            return min(high, max(low, math.exp(self._random.uniform(math.log(low), math.log(high)))))
        return self._random.uniform(low, high)

    def integer(self, name: str, low: int, high: int, *, log: bool) -> int:
        return self._random.randint(low, high)


class GivenSource:
    """Draws known values and notes which were asked for."""

    def __init__(self, values: Mapping[str, Scalar]) -> None:
        self._values = values
        self.asked: set[str] = set()

    def choose(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        self.asked.add(name)
        return self._values[name]

    def real(self, name: str, low: float, high: float, *, log: bool) -> float:
        self.asked.add(name)
        return float(self._values[name])

    def integer(self, name: str, low: int, high: int, *, log: bool) -> int:
        self.asked.add(name)
        return int(self._values[name])
