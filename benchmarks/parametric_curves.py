"""Learning curves from formulas, that cross: what early rungs mistake for each other.

Time runs from 0 to 1 over a full training, so the same families serve any number of evaluations. A curve is

    supervised(t) + self-training's share of the gain(t) + noise(t)

with families that differ in how the gain comes: exponential and power-law approaches to a ceiling, late bloomers
(a sigmoid after a third of the training), collapsers (a peak, then a decline), and divergers (NaN from some point on).
Fast learners have lower ceilings on average, so that early ranks mislead about as much as on 48 real trainings of the
UNet in which warm-up and self-training took the first evaluations: rank correlation with the end is .30 at the first of
27 evaluations (measured .30), .65 at the fourth (.72), and .93 at the thirteenth (.84).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Curves = NDArray[np.float64]
"""One row per configuration, one column per evaluation."""

SHARES = {"exponential": 0.38, "power": 0.30, "late": 0.14, "collapsing": 0.12, "diverging": 0.06}
"""How often each family is drawn."""

RISE = 0.018
"""Time constant of a typical configuration, as a share of the training."""

COUPLING = 0.5
"""Logarithm by which the time constant grows with each standard deviation of the ceiling."""

ANNEALING = 0.05
"""Standard deviation of what the second half of the training adds, mIoU."""

REFERENCE_EVALUATIONS = 27
"""Evaluations of the trainings that noise and correlations were measured on."""


@dataclass(frozen=True, slots=True)
class Noise:
    """How evaluations scatter about the smooth curve: an autoregressive walk whose size falls with the learning rate.

    Attributes:
        median: Standard deviation of a typical configuration at the beginning, mIoU.
        spread: Standard deviation of its logarithm between configurations.
        last: Share of it that is left at the end.
        memory: Correlation of one of 27 evaluations with the next.
    """

    median: float = 0.006
    spread: float = 1.0
    last: float = 0.4
    memory: float = 0.6


@dataclass(frozen=True, slots=True)
class Architecture:
    """What sets the curves of one architecture apart.

    Attributes:
        slowness: Multiplies the times in which its curves rise.
        bonus: Added to its ceilings, mIoU.
        seconds: Time from one evaluation to the next, arbitrary unit.
    """

    slowness: float = 1.0
    bonus: float = 0.0
    seconds: float = 1.0


ONE_ARCHITECTURE = (Architecture(),)
LIGHT_AND_HEAVY = (Architecture(0.6, 0.0, 1.0), Architecture(1.8, 0.04, 3.0))


def draw_curves(
    count: int, evaluations: int, architecture: Architecture, random: np.random.Generator, noise: Noise
) -> tuple[Curves, NDArray[np.float64]]:
    """Draw configurations of one architecture.

    Args:
        count: Number of configurations.
        evaluations: Evaluations of a full training.
        architecture: Its speed and height.
        random: Where everything is drawn from.
        noise: Scatter of evaluations.

    Returns:
        The curves, between 0 and 1 with NaN from where one diverges, and seconds from one evaluation to the next.
    """
    time = np.arange(1, evaluations + 1) / evaluations
    family = random.choice(list(SHARES), size=count, p=list(SHARES.values()))
    ceiling = 0.05 + 0.55 * random.beta(1.7, 1.6, size=count) + architecture.bonus
    # The learning rate, so to speak: high ceilings are reached slowly.
    slowness = np.exp(COUPLING * (ceiling - 0.33) / 0.14 + random.normal(0.0, 0.8, size=count))
    rise = RISE * architecture.slowness * slowness
    # Warm-up and the wait for self-training: until then a curve shows the supervised part alone, at heights that tell
    # little of what follows.
    start = np.exp(random.uniform(np.log(0.0067), np.log(0.1), size=count))
    supervised = (0.10 + 0.10 * random.beta(2.0, 2.0, size=count)) * np.minimum(ceiling / 0.2, 1.0)
    gain = _gain(time, family, rise, start, random)
    # What the falling learning rate brings in the second half, to some more than to others.
    anneals = ANNEALING * random.normal(size=count) * np.minimum(ceiling / 0.3, 1.0)
    annealed = anneals[:, None] / (1 + np.exp(-(time - 0.65) / 0.07))
    clean = supervised[:, None] * (1 - np.exp(-time / 0.02)) * (1 - gain) + ceiling[:, None] * gain + annealed
    curves = np.clip(clean + _scatter(count, evaluations, random, noise), 0.0, 1.0)
    diverges = np.flatnonzero(family == "diverging")
    for row, at in zip(diverges, random.uniform(0.02, 0.5, size=len(diverges)), strict=True):
        curves[row, time > at] = np.nan
    return curves, architecture.seconds * np.exp(random.normal(0.0, 0.15, size=count))


def _gain(
    time: NDArray[np.float64],
    family: NDArray[np.str_],
    rise: NDArray[np.float64],
    start: NDArray[np.float64],
    random: np.random.Generator,
) -> Curves:
    """Share of the way to the ceiling, by configuration and time."""
    count = len(family)
    since = np.maximum(0.0, time - start[:, None])
    scaled = since / rise[:, None]
    exponential = 1 - np.exp(-scaled)
    power = 1 - (1 + scaled) ** -random.uniform(0.9, 1.6, size=count)[:, None]
    blooms = random.uniform(0.2, 0.45, size=count)[:, None]
    late = 0.25 * exponential + 0.75 / (1 + np.exp(-(time - blooms) / 0.05))
    falls = random.uniform(0.1, 0.5, size=count)[:, None]
    lost = random.uniform(0.3, 0.8, size=count)[:, None]
    collapsing = exponential * (1 - lost * (1 - np.exp(-np.maximum(0.0, time - falls) / 0.1)))
    column = family[:, None]
    return np.select(
        [column == "power", column == "late", column == "collapsing"], [power, late, collapsing], exponential
    )


def _scatter(count: int, evaluations: int, random: np.random.Generator, noise: Noise) -> Curves:
    time = np.arange(1, evaluations + 1) / evaluations
    memory = noise.memory ** (REFERENCE_EVALUATIONS / evaluations)
    draws = random.normal(size=(count, evaluations))
    walk = np.empty_like(draws)
    walk[:, 0] = draws[:, 0]
    for index in range(1, evaluations):
        walk[:, index] = memory * walk[:, index - 1] + np.sqrt(1 - memory**2) * draws[:, index]
    size = noise.median * np.exp(noise.spread * random.normal(size=count))
    falling = noise.last + (1 - noise.last) * 0.5 * (1 + np.cos(np.pi * time))
    scatter: Curves = size[:, None] * falling * walk
    return scatter


def scatter_of(curves: Curves) -> tuple[float, float]:
    """How much curves scatter, for comparing drawn ones with real ones.

    Returns:
        Median over configurations of the root mean square second difference, divided by the square root of 6 (which
        is the standard deviation, were the noise white), in the second quarter of the training and in the last third.
    """
    second = np.diff(curves[~np.isnan(curves).any(axis=1)], n=2, axis=1)
    length = second.shape[1]
    parts = second[:, length // 4 : length // 2], second[:, 2 * length // 3 :]
    early, last = (float(np.median(np.sqrt((part**2).mean(axis=1) / 6))) for part in parts)
    return early, last
