"""How long the non-dominated points of a million take to be found, beside sorting in numpy and comparing all pairs.

    python -m benchmarks.fronts_speed

Seconds are the least of several runs. "spread": each metric drawn by itself, so that few points are on the front;
"ties": the same in 100 values; "all on the front": points of which none dominates another, the hardest case.
"""

import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.front import Direction, non_dominated
from benchmarks.reporting import benchmark_parser, report
from spaces.command_line import EXIT_DONE, run_command
from spaces.option_types import positive

POINTS, QUICK_POINTS = 1_000_000, 10_000
PAIR_POINTS = 3_000
"""Points of which all pairs are compared, at most: the time grows with their square."""
REPEATS = 3
MOST_SECONDS = 1.0
DIRECTIONS: dict[int, tuple[Direction, ...]] = {2: ("max", "min"), 3: ("max", "min", "min")}

Find = Callable[[NDArray[np.float64], tuple[Direction, ...]], NDArray[np.bool_]]


def main(words: Sequence[str]) -> int:
    """Draw the points, find their fronts, and print the table."""
    options = _options(words)
    generator = np.random.default_rng(0)
    rows = []
    for metrics, directions in DIRECTIONS.items():
        for kind, draw in DRAWS.items():
            points = draw(generator, options.points, metrics)
            rows.append(_row(f"{kind}, {metrics} metrics", "analysis.front", non_dominated, points, directions))
            bound = {"at most (s)": MOST_SECONDS} if options.points == POINTS else {}
            rows[-1].update(bound)
            name, find = ("sorted, numpy", sorted_front) if metrics == 2 else ("all pairs, numpy", pairwise_front)
            fewer = points if metrics == 2 else points[:PAIR_POINTS]
            rows.append(_row(f"{kind}, {metrics} metrics", name, find, fewer, directions))
    missed = [
        f"{row['points are']} ({row['seconds']:.2f} s)"
        for row in rows
        if row["seconds"] > row.get("at most (s)", np.inf)
    ]
    report("Non-dominated points", rows, options, bounds_missed=", ".join(missed) or "none")
    return EXIT_DONE


def sorted_front(points: NDArray[np.float64], directions: tuple[Direction, ...]) -> NDArray[np.bool_]:
    """The front over two metrics: sorted by the first, a point must beat all before it in the second.

    Args:
        points: Float (N, 2), finite.
        directions: Which way each metric is better.
    """
    first, second = (_costs(points, directions)).T
    order = np.lexsort((second, first))
    ordered, others = first[order], second[order]
    best_of_first = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    # Of equal first values only the least of the second counts, and what is better than all before it.
    group = np.cumsum(best_of_first) - 1
    least = others[best_of_first]
    before = np.concatenate([[np.inf], np.minimum.accumulate(least)[:-1]])
    on_front = np.zeros(len(points), dtype=np.bool_)
    on_front[order] = (others == least[group]) & (others < before[group])
    return on_front


def pairwise_front(points: NDArray[np.float64], directions: tuple[Direction, ...]) -> NDArray[np.bool_]:
    """The front by comparing each point with all others.

    Args:
        points: Float (N, M), finite.
        directions: Which way each metric is better.
    """
    costs = _costs(points, directions)
    return np.array(
        [not ((costs <= one).all(axis=1) & (costs < one).any(axis=1)).any() for one in costs], dtype=np.bool_
    )


def _costs(points: NDArray[np.float64], directions: tuple[Direction, ...]) -> NDArray[np.float64]:
    """Less is better in every metric."""
    signs = np.array([1.0 if direction == "min" else -1.0 for direction in directions])
    return np.asarray(points * signs)


def _row(
    what: str, method: str, find: Find, points: NDArray[np.float64], directions: tuple[Direction, ...]
) -> dict[str, Any]:
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        on_front = find(points, directions)
        seconds.append(time.perf_counter() - start)
    return {
        "points are": what,
        "method": method,
        "points": len(points),
        "seconds": min(seconds),
        "on the front": int(on_front.sum()),
    }


def _spread(generator: np.random.Generator, points: int, metrics: int) -> NDArray[np.float64]:
    return generator.random((points, metrics))


def _ties(generator: np.random.Generator, points: int, metrics: int) -> NDArray[np.float64]:
    return generator.integers(0, 100, (points, metrics)).astype(np.float64)


def _all_on_front(generator: np.random.Generator, points: int, metrics: int) -> NDArray[np.float64]:
    """Points of a plane, but for rounding: what is better in one metric is worse in another."""
    drawn = generator.exponential(size=(points, metrics))
    drawn /= drawn.sum(axis=1, keepdims=True)
    drawn[:, 0] *= -1
    return drawn


DRAWS: dict[str, Callable[[np.random.Generator, int, int], NDArray[np.float64]]] = {
    "spread": _spread,
    "ties": _ties,
    "all on the front": _all_on_front,
}


def _options(words: Sequence[str]) -> Namespace:
    parser = benchmark_parser("fronts_speed", "Time of finding the non-dominated points of many.")
    parser.add_argument("--points", type=positive, metavar="N", help=f"points (default: {POINTS:,})")
    options = parser.parse_args(words)
    options.points = options.points or (QUICK_POINTS if options.quick else POINTS)
    return options


if __name__ == "__main__":
    run_command(main)
