"""How a laid-out scene looks: materials, sunlight and shadows.

Everything per pixel is integer arithmetic or elementwise float32 addition, multiplication and division, which
give the same bytes on every machine. Colours come first, (3, size, size): that is several times faster here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from trainables.data.procedural.camera import Light, photograph
from trainables.data.procedural.layout import Building, LandUse, Layout
from trainables.data.procedural.noise import layered_noise, value_noise
from trainables.data.procedural.scene_plan import ScenePlan

Colour = tuple[int, int, int]
Canvas = NDArray[np.float32]

GRASS: tuple[Colour, ...] = ((110, 124, 74), (138, 140, 88), (100, 116, 72))
DRY_GRASS: tuple[Colour, ...] = ((166, 152, 104), (150, 136, 92), (150, 146, 112))
BUSH: tuple[Colour, ...] = ((70, 94, 52), (82, 104, 58), (78, 90, 50))
LITTER: tuple[Colour, ...] = ((92, 78, 54), (74, 76, 48), (104, 88, 62))
EARTH: tuple[Colour, ...] = ((172, 124, 90), (156, 108, 78), (186, 146, 112), (146, 112, 86))
PALM: tuple[Colour, ...] = ((136, 164, 78), (120, 156, 70), (148, 164, 86))
SHADE_TREE: tuple[Colour, ...] = ((54, 94, 58), (64, 98, 52), (50, 88, 64))
ROOF: tuple[Colour, ...] = (
    (178, 94, 68),
    (150, 104, 84),
    (170, 170, 170),
    (208, 204, 196),
    (108, 126, 146),
    (134, 110, 94),
)
WATER: tuple[Colour, ...] = ((52, 88, 100), (78, 102, 98), (58, 84, 112))
ROAD: dict[str, tuple[Colour, ...]] = {
    "dirt": ((206, 184, 150), (190, 168, 136)),
    "asphalt": ((120, 120, 128), (136, 136, 142)),
    "concrete": ((196, 194, 188), (182, 182, 180)),
}


def paint(generator: np.random.Generator, plan: ScenePlan, layout: Layout) -> NDArray[np.uint8]:
    """Paint a scene and photograph it.

    Args:
        generator: Where the randomness comes from.
        plan: What the scene holds.
        layout: Where it stands.

    Returns:
        (size, size, 3) RGB.
    """
    light = Light.draw(generator)
    scale = plan.pixels_per_unit
    built = layout.building_index > 0
    palette = _Palette.draw(generator, layout.mask.shape[0])
    canvas = _ground(palette, layout)
    if plan.road != "none":
        _pave(palette, plan, layout, canvas)
    if plan.water != "none":
        _fill_with_water(palette, layout, canvas)
    _shade(canvas, layout.palms.inside, light, 2.2 * scale, ~layout.palms.inside)
    _draw_palms(palette, layout, light, canvas)
    _shade(canvas, built, light, 6.5 * scale, ~built)
    for position, house in enumerate(layout.buildings):
        _roof(palette, house, layout.building_index == position + 1, light, canvas)
    _draw_trees(palette, layout, light, 7.0 * scale, canvas)
    return photograph(generator, canvas, light)


@dataclass(frozen=True, slots=True)
class _Palette:
    """Draws the colours of one photo.

    Attributes:
        generator: Where the randomness comes from.
        size: Side of the photo, px.
        grain: (size, size) between -1 and 1, roughness of a pixel or three, shared by all grounds.
        stains: (size, size) between -1 and 1, spots of some 10 px.
    """

    generator: np.random.Generator
    size: int
    grain: NDArray[np.float32]
    stains: NDArray[np.float32]

    @classmethod
    def draw(cls, generator: np.random.Generator, size: int) -> Self:
        """Draw the textures that a photo's materials share."""
        return cls(generator, size, layered_noise(generator, size, (3, 1)), layered_noise(generator, size, (12, 4)))

    def pick(self, colours: Sequence[Colour], spread: int = 12) -> Canvas:
        """One of the colours, a little lighter or darker and a little off in hue; (3, 1, 1)."""
        draw = self.generator.integers
        colour = np.array(colours[int(draw(len(colours)))], np.float32)
        shift = draw(-spread, spread + 1) + draw(-(spread // 3), spread // 3 + 1, 3)
        return (colour + shift.astype(np.float32))[:, None, None]

    def mix(self, first: Canvas, second: Canvas, cells: Sequence[int], roughness: float) -> Canvas:
        """A ground that wanders between two colours, with grain of `roughness` levels; (3, size, size)."""
        share = np.clip(layered_noise(self.generator, self.size, cells) * 1.6 + 0.5, 0, 1)
        mixed: Canvas = (second - first) * share
        mixed += first + self.grain * np.float32(roughness)
        return mixed


def _ground(palette: _Palette, layout: Layout) -> Canvas:
    generator, size = palette.generator, palette.size
    grass = palette.pick(GRASS)
    scrub = palette.mix(grass, palette.pick(DRY_GRASS), (40, 12), 16)
    bushes = value_noise(generator, size, 9).astype(np.int16) + value_noise(generator, size, 4) // 2
    thicket = bushes > generator.integers(215, 250)
    np.copyto(scrub, palette.mix(palette.pick(BUSH), grass, (6, 3), 24), where=thicket)
    yard = palette.mix(palette.pick(DRY_GRASS), grass, (18, 6), 14)
    litter = palette.mix(palette.pick(LITTER), grass, (14, 5), 16)
    earth = palette.mix(palette.pick(EARTH), palette.pick(EARTH), (48, 14), 9)
    earth += _furrows(generator, size)
    canvas = scrub
    for use, ground in ((LandUse.PLANTATION, litter), (LandUse.OPEN, earth), (LandUse.VILLAGE, yard)):
        np.copyto(canvas, ground, where=layout.land_use == use)
    return canvas


def _furrows(generator: np.random.Generator, size: int) -> NDArray[np.float32]:
    """Traces of a plough, in half of the photos: parallel stripes of a few levels; (size, size)."""
    angle, period = generator.random() * math.pi, 4 + 3 * generator.random()
    depth = np.float32(8 * max(0.0, 2 * generator.random() - 1))
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    position = columns * np.float32(math.cos(angle) / period) + rows * np.float32(math.sin(angle) / period)
    stripes: NDArray[np.float32] = np.abs(position - np.floor(position) - np.float32(0.5)) * 4 - 1
    return stripes * depth


def _pave(palette: _Palette, plan: ScenePlan, layout: Layout, canvas: Canvas) -> None:
    colour = palette.pick(ROAD[plan.road])
    surface = palette.mix(colour, colour + palette.generator.integers(-14, 15).astype(np.float32), (24, 8), 8)
    if plan.road == "dirt":
        overgrown = layout.road_middle & (value_noise(palette.generator, palette.size, 10) > 90)
        np.copyto(surface, (surface + palette.pick(GRASS)) / 2, where=overgrown)
    elif plan.road == "asphalt":
        surface[:, layout.road_middle] += 10
    _blend(canvas, surface, layout.road, softness=5)


def _fill_with_water(palette: _Palette, layout: Layout, canvas: Canvas) -> None:
    colour = palette.pick(WATER)
    bank = cv2.dilate(layout.water.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.bool_)
    _blend(canvas, canvas * np.float32(0.72), bank & ~layout.road, softness=3)
    surface = palette.mix(colour, colour + 18, (40, 16), 3)
    _blend(canvas, surface, layout.water, softness=3)


def _draw_palms(palette: _Palette, layout: Layout, light: Light, canvas: Canvas) -> None:
    palms = layout.palms
    dark, lit = palette.pick(BUSH, 8), palette.pick(PALM)
    lean = (palms.across * np.float32(light.to_sun_x) + palms.down * np.float32(light.to_sun_y)) / np.float32(
        palms.radius
    )
    brightness = palms.fronds * np.float32(1 / 255) + lean * np.float32(0.22 * light.directness)
    brightness += palms.tone * np.float32(0.28 / 255) - np.float32(0.12)
    vigour = layered_noise(palette.generator, palette.size, (36,)) * np.float32(10)
    colour = dark + (lit - dark) * brightness
    colour += vigour * np.array([[[1.0]], [[0.3]], [[0.4]]], np.float32)
    np.copyto(canvas, colour, where=palms.inside)


def _roof(palette: _Palette, house: Building, visible: NDArray[np.bool_], light: Light, canvas: Canvas) -> None:
    top, bottom, left, right = _box(visible)
    if bottom <= top:
        return
    rows, columns = np.mgrid[top:bottom, left:right].astype(np.float32)
    cosine, sine = math.cos(house.angle), math.sin(house.angle)
    x, y = columns - np.float32(house.x), rows - np.float32(house.y)
    along = x * np.float32(cosine) + y * np.float32(sine)
    beside = y * np.float32(cosine) - x * np.float32(sine)
    # How much the roof's slope towards positive `beside` faces the sun, and the ends' likewise.
    side = np.float32(light.directness * 26 * (light.to_sun_y * cosine - light.to_sun_x * sine))
    end = np.float32(light.directness * 26 * (light.to_sun_x * cosine + light.to_sun_y * sine))
    to_end = np.float32(house.half_length) - np.abs(along)
    kind = palette.generator.choice(("gable", "hip", "flat"), p=(0.5, 0.3, 0.2))
    period = np.float32(2.5 + 1.5 * palette.generator.random())
    if kind == "flat":
        edge = np.minimum(to_end, np.float32(house.half_width) - np.abs(beside))
        relief = np.where(edge < 1.5, np.float32(14), np.float32(-4))
    else:
        hipped = (kind == "hip") & (to_end < np.float32(house.half_width) - np.abs(beside))
        relief = np.where(hipped, np.sign(along) * end, np.sign(beside) * side)
        ridge = (np.abs(beside) < 0.8) & ~hipped
        relief = relief + ridge * np.float32(16)
        sheets = along / period - np.floor(along / period)
        relief += (sheets < 0.35) * np.float32(-7)
    stains = palette.stains[top:bottom, left:right] * np.float32(13)
    colour = palette.pick(ROOF, 16) + (relief + stains)
    np.copyto(canvas[:, top:bottom, left:right], colour, where=visible[top:bottom, left:right])


def _box(visible: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """First and one past the last row and column that hold something; all 0 where nothing does."""
    left, top, width, height = cv2.boundingRect(visible.view(np.uint8))
    return top, top + height, left, left + width


def _draw_trees(palette: _Palette, layout: Layout, light: Light, height: float, canvas: Canvas) -> None:
    size = palette.size
    crowns = np.zeros((size, size), np.bool_)
    for tree in layout.trees:
        rows, columns, inside = tree.visible_part(size)
        crowns[rows, columns] |= inside
    _shade(canvas, crowns, light, height, ~crowns)
    leaves = palette.grain * np.float32(26)
    for tree in layout.trees:
        rows, columns, inside = tree.visible_part(size)
        relief = tree.relief.astype(np.float32)
        # The slope towards the sun: central differences of the relief.
        slope = np.zeros_like(relief)
        slope[1:-1, 1:-1] = (relief[2:, 1:-1] - relief[:-2, 1:-1]) * np.float32(-light.to_sun_y)
        slope[1:-1, 1:-1] += (relief[1:-1, 2:] - relief[1:-1, :-2]) * np.float32(-light.to_sun_x)
        shading = relief * np.float32(0.16) + slope * np.float32(0.30 * light.directness) - np.float32(30)
        colour = palette.pick(SHADE_TREE, 14) + (tree.cut(shading, size) + leaves[rows, columns])
        np.copyto(canvas[:, rows, columns], colour, where=inside)


def _shade(canvas: Canvas, casters: NDArray[np.bool_], light: Light, height: float, ground: NDArray[np.bool_]) -> None:
    """Darken the part of `ground` that lies in the shadow of things `height` px high, in place."""
    size = canvas.shape[1]
    shadow = np.zeros((size, size), np.uint8)
    bits = casters.view(np.uint8)
    length = height * light.shadow_length
    for step in range(1, math.ceil(length) + 1):
        reach = min(float(step), length)
        dx, dy = round(-light.to_sun_x * reach), round(-light.to_sun_y * reach)
        target = shadow[max(dy, 0) : size + min(dy, 0), max(dx, 0) : size + min(dx, 0)]
        target |= bits[max(-dy, 0) : size - max(dy, 0), max(-dx, 0) : size - max(dx, 0)]
    soft = cv2.blur((shadow & ground.view(np.uint8)) * np.uint8(255), (3, 3))
    depth = soft * np.float32(light.shadow_depth / 255)
    canvas *= 1 - depth * ground


def _blend(canvas: Canvas, surface: Canvas, where: NDArray[np.bool_], softness: int) -> None:
    """Lay `surface` on the canvas in place, with an edge `softness` px wide (odd)."""
    alpha = cv2.blur(where.astype(np.uint8) * np.uint8(255), (softness, softness)) * np.float32(1 / 255)
    canvas += (surface - canvas) * alpha
