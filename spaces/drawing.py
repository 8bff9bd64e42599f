"""Drawing points of a space at random, without a sampler: for checking a space before anything is trained."""

import math
import random
from collections.abc import Sequence

from spaces.conditions import Scalar


class RandomSource:
    """Draws uniformly, or log-uniformly, from a seed; see `spaces.parameters.Suggest`."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def choose(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        """Pick one of `choices`."""
        return self._random.choice(list(choices))

    def real(self, name: str, low: float, high: float, *, log: bool) -> float:
        """Pick a real number between `low` and `high`."""
        if log:
            return min(high, max(low, math.exp(self._random.uniform(math.log(low), math.log(high)))))
        return self._random.uniform(low, high)

    def integer(self, name: str, low: int, high: int, *, log: bool) -> int:
        """Pick an integer between `low` and `high`."""
        return self._random.randint(low, high)
