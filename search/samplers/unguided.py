"""Proposals that no result guides: random and quasi-random ones, to compare with and to search where trials abound."""

import numpy as np

from search.samplers.quasi_random import QuasiRandomPoints
from search.samplers.sources import UnitSource
from spaces.configuration import TrialConfig
from spaces.space import Space


class Random:
    """Proposes uniformly at random."""

    def __init__(self, space: Space, *, seed: int) -> None:
        """Propose configurations of `space`, the same for the same seed."""
        self._space = space
        self._seed = seed

    def propose(self, number: int, attempt: int) -> TrialConfig:
        """See `search.samplers.proposer.Proposer`."""
        return random_point(self._space, self._seed, number, attempt)


class QuasiRandom:
    """Proposes quasi-random points, and random ones where such a point was tried before."""

    def __init__(self, space: Space, *, seed: int) -> None:
        """Propose configurations of `space`, the same for the same seed."""
        self._space = space
        self._seed = seed
        self._points = QuasiRandomPoints(space, seed)

    def propose(self, number: int, attempt: int) -> TrialConfig:
        """See `search.samplers.proposer.Proposer`."""
        if attempt == 0:
            return self._points.point(number)
        return random_point(self._space, self._seed, number, attempt)


def random_point(space: Space, seed: int, number: int, attempt: int) -> TrialConfig:
    """A random configuration; each number and attempt has its own stream."""
    stream = np.random.default_rng(np.random.SeedSequence((seed, number, attempt)))
    return space.sample(UnitSource(lambda _: stream.random()))
