"""Plays the repeats of all contenders, in several processes."""

import heapq
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.search_rules.contenders import CONTENDERS
from benchmarks.search_rules.contest import Contest, Outcome, worth
from benchmarks.search_rules.sources import Source

SEEDS_AT_ONCE = 50
"""Repeats that a process plays before it reports."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One contender's circumstances.

    Attributes:
        source: Name of the curves' source.
        trials: Configurations of each repeat.
        workers: Trials at once.
        contender: Name of the contender.
    """

    source: str
    trials: int
    workers: int
    contender: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of the repeats of a cell, one number each, in the order of their seeds.

    Attributes:
        compute: Evaluations spent, as a share of all trials' full trainings.
        regret: True worth of the best configuration less that of the chosen one, points of mIoU.
        space_regret: The same within the architecture where it is largest: what every architecture is judged by.
        seconds: Wall-clock time, relative to training everything to its end with as many workers.
    """

    compute: NDArray[np.float64]
    regret: NDArray[np.float64]
    space_regret: NDArray[np.float64]
    seconds: NDArray[np.float64]


def play_all(
    sources: Mapping[str, Source],
    cells: Sequence[Cell],
    repeats: int,
    processes: int,
    on_cell: Callable[[Cell], None] = lambda cell: None,
) -> dict[Cell, Figures]:
    """Play all repeats of all cells."""
    jobs = [(cell, first, min(first + SEEDS_AT_ONCE, repeats)) for cell in cells for first in _starts(repeats)]
    parts: dict[Cell, list[Figures]] = {cell: [] for cell in cells}
    for (cell, _, last), figures in zip(jobs, _played(sources, jobs, processes), strict=True):
        parts[cell].append(figures)
        if last == repeats:
            on_cell(cell)
    return {cell: _joined(figures) for cell, figures in parts.items()}


def play(source: Source, cell: Cell, seeds: Iterable[int]) -> Figures:
    """Play some repeats of a cell."""
    contender = CONTENDERS[cell.contender]
    rows = []
    for seed in seeds:
        contest = source.contest(cell.trials, seed)
        rows.append(measured(contest, contender.run(contest, cell.workers), cell.workers))
    return Figures(*np.array(rows).T)


def measured(contest: Contest, outcome: Outcome, workers: int) -> tuple[float, float, float, float]:
    """The four figures of one repeat, in the order of `Figures`."""
    true = worth(contest.mious)
    if outcome.mious is not None:
        # It proposed its own configurations: held against the best that the random search drew, which it may pass.
        regret = 100 * (float(true.max()) - float(worth(outcome.mious)[outcome.ranking[0]]))
        return (
            float(outcome.evaluations.sum()) / contest.mious.size,
            regret,
            regret,
            outcome.seconds / seconds_of_full_training(contest, workers),
        )
    per_space = []
    for space in np.unique(contest.spaces):
        chosen = next((trial for trial in outcome.ranking if contest.spaces[trial] == space), None)
        best = float(true[contest.spaces == space].max())
        per_space.append(best - (0.0 if chosen is None else float(true[chosen])))
    taken = float(true[outcome.ranking[0]]) if outcome.ranking else 0.0
    return (
        float(outcome.evaluations.sum()) / contest.mious.size,
        100 * (float(true.max()) - taken),
        100 * max(per_space),
        outcome.seconds / seconds_of_full_training(contest, workers),
    )


def seconds_of_full_training(contest: Contest, workers: int) -> float:
    """Wall-clock time of training every configuration to its end, or until it diverges, in their order."""
    diverged = np.isnan(contest.mious)
    lengths = np.where(diverged.any(axis=1), diverged.argmax(axis=1) + 1, contest.evaluations)
    free = [0.0] * workers
    for seconds in lengths * contest.seconds:
        heapq.heapreplace(free, free[0] + float(seconds))
    return max(free)


_Job = tuple[Cell, int, int]


def _starts(repeats: int) -> range:
    return range(0, repeats, SEEDS_AT_ONCE)


def _joined(parts: Sequence[Figures]) -> Figures:
    return Figures(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("compute", "regret", "space_regret", "seconds")
        )
    )


def _played(sources: Mapping[str, Source], jobs: Sequence[_Job], processes: int) -> Iterator[Figures]:
    if processes == 1:
        for cell, first, last in jobs:
            yield play(sources[cell.source], cell, range(first, last))
        return
    # Spawned, as on every system: a forked process would share Ray's and Optuna's threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_take_sources, initargs=(dict(sources),)) as pool:
        yield from pool.map(_play_job, jobs)


_sources: dict[str, Source] = {}


def _take_sources(sources: dict[str, Source]) -> None:
    _sources.update(sources)


def _play_job(job: _Job) -> Figures:
    cell, first, last = job
    return play(_sources[cell.source], cell, range(first, last))
