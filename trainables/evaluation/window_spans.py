"""Where the windows of an image lie along one axis, and what each has to say of which pixels."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Span:
    """A window along one axis of an image.

    Attributes:
        start: Its first row or column, px of the scaled image.
        first: First row or column of the ORIGINAL image for which it answers.
        end: One past the last of them.
        weights: (end - first,), float32, above 0: its say in each of them; over all windows they sum to 1.
    """

    start: int
    first: int
    end: int
    weights: NDArray[np.float32]


def window_spans(length: int, scaled_length: int, size: int, overlap: float) -> tuple[Span, ...]:
    """Cover one axis of an image with windows.

    Without overlap the original pixels are divided equally between as few windows as can hold them; each lies
    centred on its share, shifted inward at the edges, so that pixels are mostly answered for far from a window's
    border. With overlap the windows start at multiples of a stride from the image's first pixel, the last one
    shifted inward, and share their pixels with weights that fall linearly from a window's centre to its borders,
    so that no seam shows. An image smaller than a window gets one window that exceeds it.

    Args:
        length: Of the original image, px.
        scaled_length: Of the image that the network sees, px.
        size: Side of a window, px of the scaled image.
        overlap: Share of a window's side in common with its neighbour.
    """
    if overlap == 0 or scaled_length <= size:
        count = -(-scaled_length // size)
        bounds = [round(i * length / count) for i in range(count + 1)]
        shares = [(first, end) for first, end in pairwise(bounds) if first < end]
        last_start = max(0, scaled_length - size)
        return tuple(
            Span(
                min(max(0, round((first + end) / 2 * scaled_length / length - size / 2)), last_start),
                first,
                end,
                np.ones(end - first, dtype=np.float32),
            )
            for first, end in shares
        )
    starts = [*range(0, scaled_length - size, max(1, round(size * (1 - overlap)))), scaled_length - size]
    # A window answers for the pixels whose centre it holds.
    centres = (np.arange(length) + 0.5) * scaled_length / length
    bounds_of = [
        (int(first), int(end))
        for first, end in zip(
            np.searchsorted(centres, starts), np.searchsorted(centres, np.add(starts, size)), strict=True
        )
    ]
    tapers = []
    total = np.zeros(length)
    for start, (first, end) in zip(starts, bounds_of, strict=True):
        inside = centres[first:end] - start
        taper = np.maximum(np.minimum(inside, size - inside), 0.5)
        total[first:end] += taper
        tapers.append(taper)
    return tuple(
        Span(start, first, end, (taper / total[first:end]).astype(np.float32))
        for start, (first, end), taper in zip(starts, bounds_of, tapers, strict=True)
    )
