"""A source of known values for spaces."""

from collections.abc import Mapping, Sequence

from spaces.conditions import Scalar


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
