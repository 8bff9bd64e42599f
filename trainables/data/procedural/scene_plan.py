"""What each photo holds: kinds of scene taken in turn, so that each part of a split can hold every class."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

KINDS_IN_TURN = 4
"""Within each group of this many photos, every kind of scene, water and road comes once, in random order."""

PLAN_STREAM, LAYOUT_STREAM, PAINTING_STREAM = 1, 2, 3
"""Separate streams of random numbers: a change in the painting never moves an object."""

Water = Literal["none", "pond", "stream"]
Road = Literal["none", "dirt", "asphalt", "concrete"]


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of a photo's area that go to the four land uses; they add up to 1."""

    plantation: float
    open_ground: float
    village: float
    scrub: float


@dataclass(frozen=True, slots=True)
class ScenePlan:
    """What one photo holds.

    Attributes:
        shares: Areas of the land uses.
        building_share: Share of the photo under roofs.
        tree_share: Share of the photo under shade trees.
        water: Kind of water.
        road: Kind of road.
        pixels_per_unit: Ground resolution relative to the nominal one; scales every object.
    """

    shares: Shares
    building_share: float
    tree_share: float
    water: Water
    road: Road
    pixels_per_unit: float


_KINDS = (
    (Shares(plantation=0.68, open_ground=0.05, village=0.10, scrub=0.17), 0.055),
    (Shares(plantation=0.45, open_ground=0.05, village=0.35, scrub=0.15), 0.25),
    (Shares(plantation=0.46, open_ground=0.21, village=0.14, scrub=0.19), 0.095),
    (Shares(plantation=0.54, open_ground=0.05, village=0.25, scrub=0.16), 0.175),
)
_WATERS: tuple[Water, ...] = ("pond", "stream", "none", "none")
_ROADS: tuple[Road, ...] = ("dirt", "asphalt", "concrete", "none")


def random_stream(seed: int, stream: int, index: int) -> np.random.Generator:
    """The random numbers of one stream for one photo (or group of photos), independent of all others."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, stream, index])))


def plan_scene(seed: int, index: int) -> ScenePlan:
    """Plan the photo with this index; a pure function of seed and index."""
    group, position = divmod(index, KINDS_IN_TURN)
    turns = random_stream(seed, PLAN_STREAM, group)
    kind, water, road = (int(turns.permutation(KINDS_IN_TURN)[position]) for _ in range(3))
    amounts = turns.random((KINDS_IN_TURN, 3))[position]
    shares, building_share = _KINDS[kind]
    return ScenePlan(
        shares=shares,
        building_share=building_share * float(0.8 + 0.4 * amounts[0]),
        tree_share=float(0.02 + 0.035 * amounts[1]),
        water=_WATERS[water],
        road=_ROADS[road],
        pixels_per_unit=float(0.8 + 0.4 * amounts[2]),
    )
