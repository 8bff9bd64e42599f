"""Light, air and camera of one photo: what makes the same scene look different in another flight."""

import math
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from trainables.data.procedural.noise import layered_noise

HAZE_COLOUR = (196, 202, 208)


@dataclass(frozen=True, slots=True)
class Light:
    """The light of one photo.

    Attributes:
        to_sun_x: Direction towards the sun on the ground, unit vector, right positive.
        to_sun_y: The same, down positive.
        shadow_length: Length of a shadow, in heights of what casts it.
        directness: 0 (overcast) to 1 (clear sky).
        shadow_depth: Share of the light that a shadow takes away.
    """

    to_sun_x: float
    to_sun_y: float
    shadow_length: float
    directness: float
    shadow_depth: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Self:
        """Draw the light of a photo."""
        azimuth = generator.random() * 2 * math.pi
        directness = float(0.25 + 0.75 * generator.random())
        return cls(
            to_sun_x=math.cos(azimuth),
            to_sun_y=math.sin(azimuth),
            shadow_length=float(0.4 + 0.9 * generator.random()),
            directness=directness,
            shadow_depth=0.15 + 0.4 * directness,
        )


def photograph(generator: np.random.Generator, scene: NDArray[np.float32], light: Light) -> NDArray[np.uint8]:
    """Expose a painted scene: cloud shade, exposure, colour cast, haze, focus and sensor noise.

    Args:
        generator: Where the randomness comes from.
        scene: (3, size, size) RGB, about 0 to 255; overwritten.
        light: The photo's light.

    Returns:
        (size, size, 3) RGB.
    """
    size = scene.shape[1]
    exposure = np.float32(0.86 + 0.28 * generator.random())
    warmth = 0.05 * (2 * generator.random() - 1)
    tint = 0.03 * (2 * generator.random() - 1)
    cast = np.array([[[1 + warmth]], [[1 + tint]], [[1 - warmth]]], np.float32)
    clouds = 1 + layered_noise(generator, size, (96, 48)) * np.float32(0.16 * (1 - light.directness) + 0.06)
    scene *= (clouds * exposure) * cast
    haze = np.float32(0.22 * generator.random() ** 2)
    scene += (np.array(HAZE_COLOUR, np.float32)[:, None, None] - scene) * haze

    pixels = np.ascontiguousarray(np.clip(scene + np.float32(0.5), 0, 255).astype(np.uint8).transpose(1, 2, 0))
    focus = generator.random()
    if focus < 0.6:
        # A binomial kernel in integers; the blurrier half of these photos gets it twice.
        pixels = cv2.GaussianBlur(pixels, (3, 3), 0)
        if focus < 0.25:
            pixels = cv2.GaussianBlur(pixels, (3, 3), 0)
    grain = int(generator.integers(2, 9))
    noise = generator.integers(-grain, grain + 1, (2, *pixels.shape), dtype=np.int16)
    exposed: NDArray[np.int16] = pixels + noise[0] + noise[1]
    return np.clip(exposed, 0, 255).astype(np.uint8)
