"""Quasi-random points of a space: they leave smaller gaps than random ones, at any number of them.

Scrambled Sobol points (Owen, "Scrambling Sobol' and Niederreiter-Xing points", 1998) over every parameter of the space,
those included that conditions leave out of a configuration: a dimension then means the same in all of them.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from search.samplers.sources import UnitSource
from spaces.configuration import TrialConfig
from spaces.parameters import form_name
from spaces.space import Space

if TYPE_CHECKING:
    from numpy.random import Generator


@dataclass(frozen=True, slots=True)
class QuasiRandomPoints:
    """The quasi-random points of a space, by number; the same seed gives the same points.

    Attributes:
        space: The space.
        seed: Seed of the scrambling.
    """

    space: Space
    seed: int
    _dimensions: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        names = drawn_names(self.space)
        object.__setattr__(self, "_dimensions", {name: index for index, name in enumerate(names)})

    def point(self, number: int) -> TrialConfig:
        """The configuration of a point, from 0 on."""
        import numpy as np
        from scipy.stats import qmc

        if not self._dimensions:
            return self.space.baseline
        scrambling: Generator = np.random.default_rng(self.seed)
        sequence = qmc.Sobol(len(self._dimensions), scramble=True, rng=scrambling)
        if number:
            sequence.fast_forward(number)
        (coordinates,) = sequence.random(1)
        return self.space.sample(UnitSource(lambda name: float(coordinates[self._dimensions[name]])))


def drawn_names(space: Space) -> tuple[str, ...]:
    """Every name under which values of a space are drawn, in the space's order, whatever its conditions.

    `Space.sample` asks a source for some of these names, never for another.
    """
    names: list[str] = []
    for parameter in space.parameters:
        for domain in parameter.domains:
            name = parameter.suggestion_name(domain)
            if domain.also:
                names.append(form_name(name))
            names.append(f"1 - {name}" if domain.one_minus_log else name)
    return tuple(dict.fromkeys(names))
