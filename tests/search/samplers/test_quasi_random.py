import numpy as np
import pytest
from scipy.stats import qmc

from search.samplers.quasi_random import QuasiRandomPoints, drawn_names
from search.samplers.sampler import SpaceSampler
from search.samplers.unguided import random_point
from spaces.conditions import Scalar
from spaces.loading import builtin_space_names, load_space
from tests.search.samplers.trials import CONDITIONAL, space_of

SQUARE = (
    {"name": "dice_weight", "domains": [{"low": 0.0, "high": 0.5}]},
    {"name": "head_dropout", "domains": [{"low": 0.0, "high": 0.3}]},
    {"name": "rare_class_share", "domains": [{"low": 0.0, "high": 0.8}]},
)


@pytest.mark.parametrize("seed", range(5))
def test_quasi_random_points_leave_smaller_gaps_than_random_ones(seed: int) -> None:
    space = space_of(SQUARE)
    points = QuasiRandomPoints(space, seed)

    def discrepancy(configs: list[dict[str, float]]) -> float:
        names = {"dice_weight": 0.5, "head_dropout": 0.3, "rare_class_share": 0.8}
        return float(
            qmc.discrepancy(np.array([[config[name] / high for name, high in names.items()] for config in configs]))
        )

    quasi = discrepancy([points.point(number).model_dump() for number in range(32)])
    random = discrepancy([random_point(space, seed, number, 0).model_dump() for number in range(32)])
    assert quasi < random / 2


def test_each_choice_comes_equally_often_whatever_hangs_on_it() -> None:
    points = QuasiRandomPoints(space_of(CONDITIONAL), 0)
    optimizers = [points.point(number).optimizer for number in range(32)]
    assert optimizers.count("sgd") == 16


def test_a_point_depends_on_its_number_alone() -> None:
    points = QuasiRandomPoints(space_of(CONDITIONAL), 7)
    sampler = SpaceSampler(space_of(CONDITIONAL), "quasi-random", seed=7, trials=5)
    assert [sampler.propose(str(number)) for number in range(5)] == [points.point(number) for number in range(5)]
    assert points.point(3) == QuasiRandomPoints(space_of(CONDITIONAL), 7).point(3)


class NameSource:
    """Notes the names that are drawn."""

    def __init__(self, turns: np.random.Generator) -> None:
        self.turns = turns
        self.names: set[str] = set()

    def choose(self, name: str, choices: tuple[Scalar, ...]) -> Scalar:
        self.names.add(name)
        return choices[int(self.turns.integers(len(choices)))]

    def real(self, name: str, low: float, high: float, *, log: bool) -> float:
        self.names.add(name)
        return low

    def integer(self, name: str, low: int, high: int, *, log: bool) -> int:
        self.names.add(name)
        return low


@pytest.mark.parametrize("name", builtin_space_names())
def test_all_names_that_a_space_draws_are_known_beforehand(name: str) -> None:
    space = load_space(name).for_classes(["a", "b"])
    source = NameSource(np.random.default_rng(0))
    for _ in range(200):
        space.sample(source)
    assert set(drawn_names(space)) == source.names
