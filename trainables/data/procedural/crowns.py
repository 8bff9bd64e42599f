"""Crowns from above: rosettes of snake fruit palms in rows, and the larger, lumpy crowns of shade trees."""

import math
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from trainables.data.procedural.scene_plan import ScenePlan

Pixel = TypeVar("Pixel", bound=np.generic)

PALM_RADIUS = 7.0
"""Radius of a palm's crown at nominal ground resolution, px."""

PALM_SHAPES = 8
"""Different rosettes per photo."""

SHADE_TREE_RADIUS = 15.0
"""Radius of a mean shade tree's crown at nominal ground resolution, px."""


@dataclass(frozen=True, slots=True)
class PalmField:
    """All palms of a photo. Arrays are (size, size), about the palm nearest to each pixel.

    Attributes:
        inside: Whether the pixel is palm, bool.
        fronds: Light on the fronds, 0 (between them, or the dark heart) to 255, uint8.
        across: Pixels right of the palm's centre, int16, limited to the crown.
        down: Pixels below it, int16, limited to the crown.
        tone: A random number of the palm's own, uint8.
        radius: Radius of the crowns, px.
    """

    inside: NDArray[np.bool_]
    fronds: NDArray[np.uint8]
    across: NDArray[np.int16]
    down: NDArray[np.int16]
    tone: NDArray[np.uint8]
    radius: float


@dataclass(frozen=True, slots=True)
class Tree:
    """One shade tree.

    Attributes:
        left: Column of the crown's bounding box, px; may be outside the photo.
        top: Row of the bounding box, px.
        shape: (side, side) bool, the crown within its box.
        relief: (side, side) uint8, height of its lumps.
    """

    left: int
    top: int
    shape: NDArray[np.bool_]
    relief: NDArray[np.uint8]

    def visible_part(self, size: int) -> tuple[slice, slice, NDArray[np.bool_]]:
        """Rows and columns of the photo that the box covers, and the crown's shape within them."""
        side = self.shape.shape[0]
        rows = slice(max(self.top, 0), min(self.top + side, size))
        columns = slice(max(self.left, 0), min(self.left + side, size))
        return rows, columns, self.cut(self.shape, size)

    def cut(self, part: NDArray[Pixel], size: int) -> NDArray[Pixel]:
        """The part of a (side, side) array that lies within the photo."""
        side = self.shape.shape[0]
        rows = slice(max(-self.top, 0), max(min(side, size - self.top), 0))
        columns = slice(max(-self.left, 0), max(min(side, size - self.left), 0))
        return part[rows, columns]


def plant_palms(
    generator: np.random.Generator, plan: ScenePlan, plantation: NDArray[np.bool_], solid: NDArray[np.bool_]
) -> PalmField:
    """Plant palms in rows wherever there is plantation.

    Args:
        generator: Where the randomness comes from.
        plan: Gives the ground resolution.
        plantation: (size, size) bool, where palms may stand.
        solid: (size, size) bool, water, roads and roofs, which palms neither stand on nor cover.

    Returns:
        The palms; none where there is no room.
    """
    size = plantation.shape[0]
    radius = PALM_RADIUS * plan.pixels_per_unit * (0.85 + 0.3 * generator.random())
    along = radius * (1.32 + 0.3 * generator.random())
    between = radius * (1.47 + 0.45 * generator.random())
    angle = generator.random() * math.pi
    reach = math.ceil(0.75 * size / min(along, between)) + 1
    row, place = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float64)
    jitter = (generator.random((2, *row.shape)) - 0.5) * 0.5 * radius
    u, v = place * along + jitter[0], row * between + jitter[1]
    cosine, sine = math.cos(angle), math.sin(angle)
    x = np.round(size / 2 + u * cosine - v * sine).astype(np.int64).ravel()
    y = np.round(size / 2 + u * sine + v * cosine).astype(np.int64).ravel()
    grown = generator.random(x.size) > 0.04
    kept = grown & (x >= 0) & (x < size) & (y >= 0) & (y < size)
    x, y = x[kept], y[kept]
    free = plantation[y, x] & ~solid[y, x]
    x, y = x[free], y[free]
    inside_shape, light_shape = _rosettes(generator, radius)
    limit = light_shape.shape[1] // 2
    if x.size == 0:
        nothing = np.zeros((size, size), np.uint8)
        flat = nothing.astype(np.int16)
        return PalmField(nothing.astype(np.bool_), nothing, flat, flat, nothing, radius)

    feet = np.ones((size, size), np.uint8)
    feet[y, x] = 0
    _, nearest = cv2.distanceTransformWithLabels(feet, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    labels = int(nearest.max()) + 1
    shape_of, tone_of = (
        generator.integers(0, PALM_SHAPES, labels),
        generator.integers(0, 256, labels, np.uint8),
    )
    x_of, y_of = np.zeros(labels, np.int16), np.zeros(labels, np.int16)
    x_of[nearest[y, x]], y_of[nearest[y, x]] = x, y
    rows, columns = np.mgrid[0:size, 0:size].astype(np.int16)
    across = np.clip(columns - x_of[nearest], -limit, limit)
    down = np.clip(rows - y_of[nearest], -limit, limit)
    shape = shape_of[nearest]
    inside = inside_shape[shape, down + limit, across + limit] & ~solid
    fronds = light_shape[shape, down + limit, across + limit]
    return PalmField(inside, fronds, across, down, tone_of[nearest], radius)


def _rosettes(generator: np.random.Generator, radius: float) -> tuple[NDArray[np.bool_], NDArray[np.uint8]]:
    """Outline and light of the rosettes, each (PALM_SHAPES, side, side) with the heart in the middle."""
    limit = math.ceil(radius * 1.15) + 1
    down, across = np.mgrid[-limit : limit + 1, -limit : limit + 1].astype(np.float64)
    distance = np.sqrt(across**2 + down**2) / radius
    direction = np.arctan2(down, across)
    insides, lights = [], []
    for _ in range(PALM_SHAPES):
        fronds = int(generator.integers(6, 10))
        phase, lean = generator.random(2) * 2 * math.pi
        wave = 0.5 + 0.5 * np.cos(fronds * direction + phase)
        edge = 0.80 + 0.26 * wave + 0.08 * np.cos(direction + lean)
        light = (0.25 + 0.75 * wave) * np.minimum(distance * 1.6, 1.0) * (1.15 - 0.45 * distance)
        # Rounded before it is compared, so that the last bit of a cosine never decides a pixel's class.
        insides.append(np.round((edge - distance) * 1024) > 0)
        lights.append(np.clip(np.round(light * 230), 0, 255).astype(np.uint8))
    return np.stack(insides), np.stack(lights)


def plant_trees(generator: np.random.Generator, plan: ScenePlan, forbidden: NDArray[np.bool_]) -> tuple[Tree, ...]:
    """Plant shade trees until their crowns cover the plan's share of the photo.

    Args:
        generator: Where the randomness comes from.
        plan: Gives the share and the ground resolution.
        forbidden: (size, size) bool, where no trunk stands; a crown may reach over it.

    Returns:
        The trees, in the order in which they are drawn.
    """
    size = forbidden.shape[0]
    wanted = plan.tree_share * size * size
    trees: list[Tree] = []
    covered = np.zeros((size, size), np.bool_)
    for _ in range(20 + size * size // 600):
        if np.count_nonzero(covered) >= wanted:
            break
        x, y = (generator.random(2) * size).astype(np.int64)
        radius = SHADE_TREE_RADIUS * plan.pixels_per_unit * (0.75 + 0.6 * generator.random())
        tree = _tree(generator, int(x), int(y), radius)
        rows, columns, inside = tree.visible_part(size)
        if forbidden[y, x]:
            continue
        covered[rows, columns] |= inside
        trees.append(tree)
    return tuple(trees)


def _tree(generator: np.random.Generator, x: int, y: int, radius: float) -> Tree:
    limit = math.ceil(radius * 1.3) + 1
    down, across = np.mgrid[-limit : limit + 1, -limit : limit + 1].astype(np.float64)
    height = 1.0 - (across**2 + down**2) / radius**2 / 0.55
    # A crown is a heap of round lumps around the middle.
    for lump in range(9):
        angle = 2 * math.pi * (lump + generator.random()) / 9
        reach = radius * (0.45 + 0.2 * generator.random())
        lump_radius = radius * (0.34 + 0.16 * generator.random())
        squared = (across - reach * math.cos(angle)) ** 2 + (down - reach * math.sin(angle)) ** 2
        np.maximum(height, 0.9 - 0.9 * squared / lump_radius**2, out=height)
    return Tree(
        left=x - limit,
        top=y - limit,
        shape=np.round(height * 1024) > 0,
        relief=np.clip(np.round(height * 255), 0, 255).astype(np.uint8),
    )
