"""A limited validation: which rectangles of which images every trial is judged on."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from trainables.data.dataset import ImageRecord


@dataclass(frozen=True, slots=True)
class Cell:
    """A rectangle of an image, in its own pixels: rows top to bottom - 1, columns left to right - 1."""

    top: int
    bottom: int
    left: int
    right: int

    def intersection(self, other: "Cell") -> "Cell | None":
        """The rectangle that both share; None where they share none."""
        top, bottom = max(self.top, other.top), min(self.bottom, other.bottom)
        left, right = max(self.left, other.left), min(self.right, other.right)
        return Cell(top, bottom, left, right) if top < bottom and left < right else None


def grid_cells(height: int, width: int, rows: int, columns: int) -> tuple[Cell, ...]:
    """Divide an image into rows x columns rectangles that are equal to the pixel and cover it once."""
    ys = [round(i * height / rows) for i in range(rows + 1)]
    xs = [round(i * width / columns) for i in range(columns + 1)]
    return tuple(
        Cell(ys[i], ys[i + 1], xs[j], xs[j + 1])
        for i in range(rows)
        for j in range(columns)
        if ys[i] < ys[i + 1] and xs[j] < xs[j + 1]
    )


def spread_cells(records: Sequence[ImageRecord], cell_size: int, count: int) -> dict[str, tuple[Cell, ...]]:
    """Choose `count` cells evenly over all images; a pure function of the images' names and sizes.

    The cells of all images stand in one row, which is cut into `count` equal pieces; one cell is drawn from
    each piece, with a fixed seed: a regular step would fall on the same column of every image.

    Args:
        records: Images whose sizes are known.
        cell_size: Side of a cell at most, px.
        count: How many cells to choose.

    Returns:
        Cells by image name; all of them where there are no more than `count`.
    """
    cells = [
        (record.name, cell)
        for record in sorted(records, key=lambda record: record.name)
        for cell in grid_cells(
            record.height, record.width, -(-record.height // cell_size), -(-record.width // cell_size)
        )
    ]
    count = min(count, len(cells))
    bounds = [i * len(cells) // count for i in range(count + 1)]
    random = np.random.default_rng(0)
    chosen: dict[str, tuple[Cell, ...]] = {}
    for first, end in pairwise(bounds):
        name, cell = cells[int(random.integers(first, end))]
        chosen[name] = (*chosen.get(name, ()), cell)
    return chosen
