"""Configurations that a search has not tried yet, in spaces of so few that proposals would repeat themselves."""

from collections.abc import Collection, Iterator, Sequence

from spaces.conditions import Scalar
from spaces.configuration import TrialConfig
from spaces.space import Space

MOST_COUNTED = 2_000
"""Configurations of a space that are counted through, at most, in search of one that was not tried."""


def content_of(config: TrialConfig) -> str:
    """What two equal configurations have in common."""
    return config.model_dump_json()


def untried(space: Space, tried: Collection[str]) -> list[TrialConfig]:
    """The configurations of a space of choices that were not tried.

    Args:
        space: The space.
        tried: `content_of` of those that were.

    Returns:
        In a fixed order; none if the space has a range of real numbers or more than `MOST_COUNTED` configurations.
    """
    left: dict[str, TrialConfig] = {}
    try:
        for count, config in enumerate(_every(space)):
            if count >= MOST_COUNTED:
                return []
            content = content_of(config)
            if content not in tried:
                left[content] = config
    except _UncountableError:
        return []
    return list(left.values())


class _UncountableError(Exception):
    """The space has a range of real numbers."""


class _ScriptedSource:
    """Takes given turns at the first choices and the first option at all others."""

    def __init__(self, turns: Sequence[int]) -> None:
        self._turns = turns
        self.options: list[int] = []

    def choose(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        return choices[self._turn(len(choices))]

    def real(self, name: str, low: float, high: float, *, log: bool) -> float:
        raise _UncountableError

    def integer(self, name: str, low: int, high: int, *, log: bool) -> int:
        return low + self._turn(high - low + 1)

    def _turn(self, options: int) -> int:
        place = len(self.options)
        self.options.append(options)
        return self._turns[place] if place < len(self._turns) else 0


def _every(space: Space) -> Iterator[TrialConfig]:
    """Each configuration of a space of choices, like a counter whose last digit turns first."""
    turns: list[int] = []
    while True:
        source = _ScriptedSource(turns)
        yield space.sample(source)
        turns += [0] * (len(source.options) - len(turns))
        while turns and turns[-1] + 1 >= source.options[len(turns) - 1]:
            turns.pop()
        if not turns:
            return
        turns[-1] += 1
