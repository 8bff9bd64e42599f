"""Ranking trials at a rung, by their mIoU alone or by mIoU and what their networks cost."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, ...]
"""A trial at a rung: its mIoU there, then its costs (less is better)."""


def ranked(points: Mapping[str, Point]) -> list[str]:
    """Trials from the best to the worst.

    One number each: by mIoU, highest first. More: by non-dominated sorting, the trials of one front in the order of an
    epsilon-net (each next one is the farthest from those before, the highest mIoU first), after Schmucker et al.,
    "Multi-objective Asynchronous Successive Halving", arXiv 2106.12639. Equal trials stand in the order in which they
    came.
    """
    names = list(points)
    if not names:
        return []
    if len(points[names[0]]) == 1:
        return sorted(names, key=lambda name: -points[name][0])
    losses = np.array([(-points[name][0], *points[name][1:]) for name in names], dtype=np.float64)
    # A trial without any number is worse than all others, and no distance may become infinite.
    unknown = ~np.isfinite(losses).all(axis=1)
    known = np.flatnonzero(~unknown)
    order: list[int] = []
    if len(known):
        scaled = _scaled(losses[known])
        for front in _fronts(scaled):
            order += [int(known[index]) for index in _spread(scaled, front)]
    order += [int(index) for index in np.flatnonzero(unknown)]
    return [names[index] for index in order]


def _scaled(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each objective from 0 (its best) to 1 (its worst)."""
    low, high = losses.min(axis=0), losses.max(axis=0)
    scaled: NDArray[np.float64] = (losses - low) / np.where(high > low, high - low, 1.0)
    return scaled


def _fronts(losses: NDArray[np.float64]) -> list[list[int]]:
    """Positions by front, the non-dominated first, then those that only they dominate, and so on."""
    no_worse = (losses[:, None, :] <= losses[None, :, :]).all(axis=2)
    better = (losses[:, None, :] < losses[None, :, :]).any(axis=2)
    dominates = no_worse & better
    left = np.ones(len(losses), dtype=bool)
    fronts: list[list[int]] = []
    while left.any():
        front = np.flatnonzero(left & ~(dominates & left[:, None]).any(axis=0))
        fronts.append([int(index) for index in front])
        left[front] = False
    return fronts


def _spread(losses: NDArray[np.float64], front: list[int]) -> list[int]:
    """A front in the order of an epsilon-net that begins at the highest mIoU."""
    first = min(front, key=lambda index: (losses[index, 0], math.fsum(losses[index])))
    chosen = [first]
    rest = [index for index in front if index != first]
    distance = {index: float(np.linalg.norm(losses[index] - losses[first])) for index in rest}
    while rest:
        farthest = max(rest, key=lambda index: distance[index])
        chosen.append(farthest)
        rest.remove(farthest)
        for index in rest:
            distance[index] = min(distance[index], float(np.linalg.norm(losses[index] - losses[farthest])))
    return chosen
