"""Where things stand in a drawn scene: parcels, water, roads, roofs, crowns, and the mask that follows."""

import math
from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from trainables.data.procedural.crowns import PalmField, Tree, plant_palms, plant_trees
from trainables.data.procedural.noise import layered_noise
from trainables.data.procedural.scene_plan import ScenePlan, Shares

FIXED_POINT_BITS = 4
"""Polygon corners are handed to OpenCV in sixteenths of a pixel."""


class SceneClass(IntEnum):
    """Class indices of the drawn masks."""

    BACKGROUND = 0
    WATER = 1
    BUILDING = 2
    ROAD = 3
    SHADE_TREE = 4
    SNAKE_FRUIT = 5
    OPEN_GROUND = 6


class LandUse(IntEnum):
    """What a parcel is used for, in the order of `Shares`' fields."""

    PLANTATION = 0
    OPEN = 1
    VILLAGE = 2
    SCRUB = 3


@dataclass(frozen=True, slots=True)
class Building:
    """A rectangular house.

    Attributes:
        x: Centre, px.
        y: Centre, px.
        half_length: Half the side along the ridge, px.
        half_width: Half the other side, px.
        angle: Direction of the ridge, radians.
    """

    x: float
    y: float
    half_length: float
    half_width: float
    angle: float

    def corners(self, margin: float = 0.0) -> NDArray[np.int32]:
        """The outline, (4, 2) in sixteenths of a pixel, grown by `margin` px on every side."""
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        length, width = self.half_length + margin, self.half_width + margin
        points = [
            (self.x + u * length * cosine - v * width * sine, self.y + u * length * sine + v * width * cosine)
            for u, v in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
        return np.array([[round(16 * x), round(16 * y)] for x, y in points], np.int32)


@dataclass(frozen=True, slots=True)
class Layout:
    """A scene before it is painted. All arrays are (size, size).

    Attributes:
        mask: Class index of every pixel, uint8, as seen from above.
        land_use: `LandUse` of the parcel under every pixel, uint8.
        water: Water, also where something hangs over it, bool.
        road: Roads, also under crowns, bool.
        road_middle: The strip between the wheels, bool.
        building_index: 1 + the building's position in `buildings`, 0 elsewhere, uint8.
        buildings: The houses.
        palms: The snake fruit palms.
        trees: The shade trees, later ones above earlier ones.
    """

    mask: NDArray[np.uint8]
    land_use: NDArray[np.uint8]
    water: NDArray[np.bool_]
    road: NDArray[np.bool_]
    road_middle: NDArray[np.bool_]
    building_index: NDArray[np.uint8]
    buildings: tuple[Building, ...]
    palms: PalmField
    trees: tuple[Tree, ...]


def lay_out(generator: np.random.Generator, plan: ScenePlan, size: int) -> Layout:
    """Place everything that `plan` asks for.

    Args:
        generator: Where the randomness comes from.
        plan: What the scene holds.
        size: Side of the photo, px.

    Returns:
        The layout with its mask.
    """
    land_use = _divide_into_parcels(generator, plan.shares, size)
    water = _dig_water(generator, plan, size)
    road, road_middle = _build_roads(generator, plan, size)
    water &= ~road  # a road crosses water on a bridge
    buildings, building_index = _build_houses(generator, plan, land_use, taken=water | road)
    built = building_index > 0

    mask = np.zeros((size, size), np.uint8)
    mask[land_use == LandUse.OPEN] = SceneClass.OPEN_GROUND
    mask[water] = SceneClass.WATER
    mask[road] = SceneClass.ROAD
    mask[built] = SceneClass.BUILDING

    solid = water | road | built
    palms = plant_palms(generator, plan, land_use == LandUse.PLANTATION, solid)
    # A person who labels a plantation does not trace every frond: small gaps between crowns belong to it.
    closed = cv2.morphologyEx(palms.inside.view(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    mask[closed.astype(np.bool_) & ~solid] = SceneClass.SNAKE_FRUIT
    trees = plant_trees(generator, plan, forbidden=water | built)
    for tree in trees:
        rows, columns, inside = tree.visible_part(size)
        mask[rows, columns][inside] = SceneClass.SHADE_TREE
    return Layout(mask, land_use, water, road, road_middle, building_index, buildings, palms, trees)


def _divide_into_parcels(generator: np.random.Generator, shares: Shares, size: int) -> NDArray[np.uint8]:
    """Cut the photo into irregular cells and give each a land use, so that areas come close to `shares`."""
    cells = max(7, size * size // 4_500)
    # One seed in each field of a coarse grid, so that no cell is tiny; the borders are bent by noise.
    grid = math.ceil(math.sqrt(cells))
    fields = generator.permutation(grid * grid)[:cells]
    seeds_x = (fields % grid + generator.random(cells)) * (size / grid)
    seeds_y = (fields // grid + generator.random(cells)) * (size / grid)
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    x = columns + layered_noise(generator, size, (32, 8)) * np.float32(9)
    y = rows + layered_noise(generator, size, (32, 8)) * np.float32(9)
    nearest = np.zeros((size, size), np.uint8)
    least = np.full((size, size), np.inf, np.float32)
    for cell in range(cells):
        squared = (x - np.float32(seeds_x[cell])) ** 2 + (y - np.float32(seeds_y[cell])) ** 2
        closer = squared < least
        nearest[closer] = cell
        np.minimum(least, squared, out=least)

    areas = np.bincount(nearest.ravel(), minlength=cells) / nearest.size
    missing = np.array([shares.plantation, shares.open_ground, shares.village, shares.scrub])
    use_of_cell = np.zeros(cells, np.uint8)
    for cell in np.argsort(-areas, kind="stable"):
        use = int(np.argmax(missing))
        use_of_cell[cell] = use
        missing[use] -= areas[cell]
    return use_of_cell[nearest]


def _dig_water(generator: np.random.Generator, plan: ScenePlan, size: int) -> NDArray[np.bool_]:
    canvas = np.zeros((size, size), np.uint8)
    if plan.water == "pond":
        radius = 16.0 * plan.pixels_per_unit * (0.85 + 0.3 * generator.random()) * size / 192
        centre_x, centre_y = (generator.random(2) * 0.7 + 0.15) * size
        bumps = generator.random(3) * 2 * math.pi
        stretch = 0.7 + 0.3 * generator.random()
        points = []
        for corner in range(32):
            angle = 2 * math.pi * corner / 32
            bulge = sum(math.cos((k + 2) * angle + bumps[k]) / (k + 2) for k in range(3))
            reach = radius * (1 + 0.22 * bulge)
            points.append(
                [
                    round(16 * (centre_x + reach * math.cos(angle))),
                    round(16 * (centre_y + reach * stretch * math.sin(angle))),
                ]
            )
        cv2.fillPoly(canvas, [np.array(points, np.int32)], 1, shift=FIXED_POINT_BITS)
    elif plan.water == "stream":
        width = max(3, round(6.0 * plan.pixels_per_unit))
        cv2.polylines(canvas, [_winding_line(generator, size)], False, 1, width, shift=FIXED_POINT_BITS)
    return canvas.astype(np.bool_)


def _build_roads(
    generator: np.random.Generator, plan: ScenePlan, size: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    canvas = np.zeros((size, size), np.uint8)
    middle = np.zeros((size, size), np.uint8)
    if plan.road != "none":
        width = plan.pixels_per_unit * (6.0 + 2.2 * generator.random())
        line = _winding_line(generator, size)
        cv2.polylines(canvas, [line], False, 1, max(3, round(width)), shift=FIXED_POINT_BITS)
        cv2.polylines(middle, [line], False, 1, max(1, round(width / 4)), shift=FIXED_POINT_BITS)
    return canvas.astype(np.bool_), middle.astype(np.bool_)


def _winding_line(generator: np.random.Generator, size: int) -> NDArray[np.int32]:
    """A curve from one border of the photo to the opposite one, (32, 1, 2) in sixteenths of a pixel."""
    start, bend, end = (generator.random(3) * 0.8 + 0.1) * size
    ripple = generator.random() * 2 * math.pi
    swing = 0.03 * size * generator.random()
    across = bool(generator.integers(2))
    points = []
    for position in range(33):
        t = position / 32
        along = (t * 1.1 - 0.05) * size
        aside = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end + swing * math.sin(9 * t + ripple)
        x, y = (along, aside) if across else (aside, along)
        points.append([[round(16 * x), round(16 * y)]])
    return np.array(points, np.int32)


def _build_houses(
    generator: np.random.Generator, plan: ScenePlan, land_use: NDArray[np.uint8], taken: NDArray[np.bool_]
) -> tuple[tuple[Building, ...], NDArray[np.uint8]]:
    """Fill the villages with houses until they cover the plan's share of the photo; a few stand elsewhere."""
    size = land_use.shape[0]
    index = np.zeros((size, size), np.uint8)
    occupied = taken.astype(np.uint8)
    village = land_use == LandUse.VILLAGE
    wanted = plan.building_share * size * size
    direction = generator.random() * math.pi
    buildings: list[Building] = []
    covered = 0
    for attempt in range(40 + size * size // 200):
        x, y = generator.random(2) * size
        anywhere = attempt % 14 == 0
        half_width = plan.pixels_per_unit * (9 + 7 * generator.random())
        half_length = half_width * (1.05 + 0.75 * generator.random())
        turn = (generator.random() - 0.5) * 0.25 + (math.pi / 2) * int(generator.integers(2))
        if covered >= wanted or len(buildings) == np.iinfo(np.uint8).max:
            break
        if occupied[int(y), int(x)] or not (anywhere or village[int(y), int(x)]):
            continue
        house = Building(x, y, half_length, half_width, direction + turn)
        plot = np.zeros((size, size), np.uint8)
        cv2.fillConvexPoly(plot, house.corners(margin=1.5), 1, shift=FIXED_POINT_BITS)
        if np.any(plot & occupied):
            continue
        buildings.append(house)
        occupied |= plot
        cv2.fillConvexPoly(index, house.corners(), len(buildings), shift=FIXED_POINT_BITS)
        covered = int(np.count_nonzero(index))
    return tuple(buildings), index
