"""Random textures with features of a chosen size.

They are interpolated in integers, so that every machine gets the same bytes whatever its vector instructions.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray


def value_noise(generator: np.random.Generator, size: int, cell: int) -> NDArray[np.uint8]:
    """Draw smooth noise, uniform at the nodes of a grid and interpolated between them.

    Args:
        generator: Where the randomness comes from.
        size: Side of the result, px.
        cell: Distance of the grid's nodes, px: the size of the features.

    Returns:
        (size, size) uint8.
    """
    nodes = size // cell + 2
    grid = generator.integers(0, 256, (nodes, nodes), dtype=np.uint8)
    side = nodes * cell
    whole: NDArray[np.uint8] = cv2.resize(grid, (side, side), interpolation=cv2.INTER_LINEAR_EXACT)
    # The first half cell only repeats the border's nodes.
    first = cell // 2
    return whole[first : first + size, first : first + size]


def layered_noise(generator: np.random.Generator, size: int, cells: Sequence[int]) -> NDArray[np.float32]:
    """Add up noise of several feature sizes, each with half the weight of the one before.

    Args:
        generator: Where the randomness comes from.
        size: Side of the result, px.
        cells: Feature sizes, px, the strongest first.

    Returns:
        (size, size) float32 between -1 and 1.
    """
    total = np.zeros((size, size), np.float32)
    weight, weights = 1.0, 0.0
    for cell in cells:
        total += value_noise(generator, size, cell) * np.float32(weight)
        weights += weight
        weight /= 2
    return total * np.float32(2.0 / (255.0 * weights)) - np.float32(1.0)
