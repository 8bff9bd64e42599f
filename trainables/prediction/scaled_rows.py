"""Rows of a photo at a network's scale, made of rows of the photo, without the whole of it."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from trainables.data.sampling import scaled_size
from trainables.evaluation.windows import PixelRows


class ScaledRows:
    """A photo's rows as `trainables.data.sampling.resize_image` would make them: areas averaged, or bilinear.

    Rows may differ from those of the whole photo by one level where a mean lies between two.

    Args:
        source: The photo's own rows.
        height: Of the photo, px.
        width: Of the photo, px.
        image_scale: By what it is resized.
    """

    def __init__(self, source: PixelRows, height: int, width: int, image_scale: float) -> None:
        self._source = source
        self._height = height
        self._scaled_height, self._scaled_width = scaled_size(height, width, image_scale)
        self._shrinks = self._scaled_height * self._scaled_width < height * width
        self._method = cv2.INTER_AREA if self._shrinks else cv2.INTER_LINEAR

    def __getitem__(self, rows: slice) -> NDArray[np.uint8]:
        """Rows of the resized photo, (rows, W, 3), RGB."""
        first, end = rows.start, min(rows.stop, self._scaled_height)
        weighted = [self._weights(row) for row in range(first, end)]
        top = min(start for start, _ in weighted)
        source = self._source[top : max(start + len(weights) for start, weights in weighted)]
        scaled = np.empty((end - first, self._scaled_width, 3), dtype=np.uint8)
        for row, (start, weights) in enumerate(weighted):
            needed = source[start - top : start - top + len(weights)]
            # Down, then across: both are sums, so that the order does not matter, and one row is small.
            down = weights @ needed.reshape(len(needed), -1).astype(np.float32)
            across = cv2.resize(down.reshape(1, -1, 3), (self._scaled_width, 1), interpolation=self._method)
            np.rint(across[0], out=across[0])
            scaled[row] = across[0].clip(0, 255)
        return scaled

    def _weights(self, row: int) -> tuple[int, NDArray[np.float32]]:
        """First source row of a scaled one, and the share of it and of those that follow."""
        ratio = self._height / self._scaled_height
        if self._shrinks and ratio >= 1:
            top, bottom = row * ratio, min((row + 1) * ratio, float(self._height))
            first, end = math.floor(top + 1e-6), min(math.ceil(bottom - 1e-6), self._height)
            edges = np.arange(first, end + 1)
            shares = np.minimum(edges[1:], bottom) - np.maximum(edges[:-1], top)
            return first, (shares / shares.sum()).astype(np.float32)
        centre = min(max((row + 0.5) * ratio - 0.5, 0.0), self._height - 1.0)
        first = min(math.floor(centre), max(0, self._height - 2))
        if self._height == 1:
            return 0, np.ones(1, dtype=np.float32)
        return first, np.array([1 - (centre - first), centre - first], dtype=np.float32)
