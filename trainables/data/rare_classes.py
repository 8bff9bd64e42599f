"""Crops around pixels of rare classes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TEMPERATURE = 0.1
"""Of the softmax over classes: the smaller, the more often the rarest class is drawn.

DAFormer takes 0.01 for 19 classes of which many are rare; for 7 classes of which one has 0.2 % of the pixels and the
next 3 %, that would draw 93 % of the crops around the one, where 0.1 draws a third.
"""


def class_probabilities(counts: NDArray[np.int64], temperature: float = TEMPERATURE) -> NDArray[np.float64]:
    """How often a crop is drawn around each class: softmax of (1 - share of the pixels) / temperature.

    After Hoyer et al.: DAFormer, 2022 (arXiv 2111.14887), rare class sampling. The background counts like any class.

    Args:
        counts: Training pixels of each class, (C,), at least one in all.
        temperature: Positive.

    Returns:
        (C,), sum 1; 0 for classes without a pixel.
    """
    present = counts > 0
    rarity = np.where(present, 1.0 - counts / counts.sum(), -np.inf) / temperature
    weights = np.exp(rarity - rarity.max())
    return np.asarray(weights / weights.sum(), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class RarePixel:
    """A training pixel around which a crop is wanted.

    Attributes:
        image: Index of its image.
        drawn_class: Its class.
        place: Its place among the image's pixels of the class, row by row, as a share of them: 0 to below 1.
    """

    image: int
    drawn_class: int
    place: float

    def pixel_in(self, mask: NDArray[np.uint8]) -> tuple[int, int] | None:
        """Where it lies in its image's mask, (H, W) class indices at whatever scale.

        Returns:
            (row, column); None if the mask holds no such pixel, its few having been lost in scaling.
        """
        found = np.flatnonzero(mask == self.drawn_class)
        if len(found) == 0:
            return None
        # k / n * n may round to just below k.
        index = min(int(self.place * len(found) + 1e-6), len(found) - 1)
        row, column = divmod(int(found[index]), mask.shape[1])
        return row, column


class RareClasses:
    """Draws a class by its rarity, then a pixel of that class, all its training pixels being equally likely.

    The image is found from counts, so that no mask is read but the one of the image that is drawn.
    """

    def __init__(self, class_counts: NDArray[np.int64], share: float) -> None:
        """Take the counts.

        Args:
            class_counts: Pixels of each class in the mask of each training image, (N, C), at least one in all.
            share: Of the draws that give a pixel, 0 to 1; the others leave the crop to the usual order of images.
        """
        self._share = share
        self._cumulated = class_counts.cumsum(axis=0)
        self._class_bounds = class_probabilities(self._cumulated[-1]).cumsum()
        # Rounding must leave nothing above the last class that is present.
        self._class_bounds[np.flatnonzero(self._cumulated[-1])[-1] :] = 1.0

    def draw(self, random: np.random.Generator) -> RarePixel | None:
        """Decide for one crop whether it gets a pixel, and which."""
        if random.random() >= self._share:
            return None
        drawn = int(np.searchsorted(self._class_bounds, random.random(), side="right"))
        cumulated = self._cumulated[:, drawn]
        pixel = int(random.integers(cumulated[-1]))
        image = int(np.searchsorted(cumulated, pixel, side="right"))
        before = int(cumulated[image - 1]) if image else 0
        return RarePixel(image, drawn, (pixel - before) / (int(cumulated[image]) - before))
