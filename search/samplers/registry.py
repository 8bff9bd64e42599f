"""The ways of proposing configurations, by the names that `--search-alg` takes."""

from collections.abc import Callable

from search.samplers.live_study import LiveStudy
from search.samplers.proposer import Proposer
from search.samplers.tpe import TreeParzen
from search.samplers.unguided import QuasiRandom, Random
from spaces.space import Space

Maker = Callable[[Space, LiveStudy, int, int], Proposer]
"""Makes a proposer from the space, its study, a seed and the number of trials that will be made."""

SAMPLERS: dict[str, Maker] = {
    "tpe": lambda space, study, seed, trials: TreeParzen(space, study, seed=seed, trials=trials),
    "random": lambda space, study, seed, trials: Random(space, seed=seed),
    "quasi-random": lambda space, study, seed, trials: QuasiRandom(space, seed=seed),
}
"""Makers by name; `search.samplers.names` has the same names, without what this module loads."""
