"""The windows of a network's input size that cover what is wanted of images."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spaces.configuration import TrialConfig
from trainables.data.sampling import Crop, cut_crop, scaled_size
from trainables.data.validation_cells import Cell
from trainables.evaluation.window_spans import Span, window_spans


class PixelRows(Protocol):
    """An image whose rows are asked for from top to bottom: an array, or what reads a file little by little."""

    def __getitem__(self, rows: slice, /) -> NDArray[np.uint8]:
        """Rows `start` to `stop` - 1 at most, (rows, W, 3), RGB."""
        ...


@dataclass(frozen=True, slots=True)
class WantedImage:
    """An image, and what of it is to be predicted.

    Attributes:
        height: Of the original image, px.
        width: Of the original image, px.
        pieces: Rectangles of the original image; windows that touch none of them are not computed.
        read: Opens it at `TrialConfig.image_scale`.
    """

    height: int
    width: int
    pieces: Sequence[Cell]
    read: Callable[[], PixelRows]


@dataclass(frozen=True, slots=True)
class Share:
    """What one window gives to one piece.

    Attributes:
        piece: The piece.
        cell: What of it the window answers for.
        complete_to: Row up to which the piece is complete with this share; None where other windows follow first.
    """

    piece: Cell
    cell: Cell
    complete_to: int | None


@dataclass(frozen=True, slots=True)
class Window:
    """One input of the network, and where its answer goes.

    Attributes:
        place: Place of the image among those given.
        image: The image.
        rows: Which rows of it the window sees and answers for.
        columns: Which columns.
        pixels: (size, size, 3), RGB.
        shares: What it gives to each piece that it touches.
    """

    place: int
    image: WantedImage
    rows: Span
    columns: Span
    pixels: NDArray[np.uint8]
    shares: tuple[Share, ...]


def windows_of(images: Iterable[WantedImage], config: TrialConfig, overlap: float) -> Iterator[Window]:
    """The windows that touch a wanted piece: image by image, row by row, from left to right."""
    size = config.crop_size
    for place, image in enumerate(images):
        scaled_height, scaled_width = scaled_size(image.height, image.width, config.image_scale)
        rows = window_spans(image.height, scaled_height, size, overlap)
        columns = window_spans(image.width, scaled_width, size, overlap)
        shares: dict[tuple[int, int], list[Share]] = {}
        for piece in image.pieces:
            across = [j for j, span in enumerate(columns) if span.first < piece.right and piece.left < span.end]
            down = [i for i, span in enumerate(rows) if span.first < piece.bottom and piece.top < span.end]
            for i in down:
                complete_to = piece.bottom if i == down[-1] else max(piece.top, rows[i + 1].first)
                for j in across:
                    cell = Cell(rows[i].first, rows[i].end, columns[j].first, columns[j].end).intersection(piece)
                    if cell is not None:
                        share = Share(piece, cell, complete_to if j == across[-1] else None)
                        shares.setdefault((i, j), []).append(share)
        pixels = image.read() if shares else None
        for i, of_row in groupby(sorted(shares), key=itemgetter(0)):
            assert pixels is not None  # noqa: S101 - some window is wanted
            band = pixels[rows[i].start : rows[i].start + size]
            for _, j in of_row:
                crop = Crop(0, columns[j].start, size, size, mirrored=False, upside_down=False)
                cut = cut_crop(band, None, crop)[0]
                yield Window(place, image, rows[i], columns[j], cut, tuple(shares[i, j]))
