"""Which sizes of search are played on which curves."""

from collections.abc import Mapping, Sequence
from itertools import product

from benchmarks.search_rules.contenders import CONTENDERS
from benchmarks.search_rules.sources import Source
from benchmarks.search_rules.tournament import Cell

TRIALS = (16, 32, 64)
WORKERS = (1, 4, 16, 64)
USUAL_TRIALS, USUAL_WORKERS = 32, 4

WHOLE_GRID = ("recorded",)
"""Real curves at their own length. On others trials or workers are the usual ones, unless the user says otherwise."""

PROPOSED = "proposed"
"""The curves on which contenders propose configurations: each asks the surrogate."""

ONE_SIZE = (PROPOSED, "recipe-crossing")
"""Curves that take long to play on: they are played at the usual size alone, unless the user says otherwise."""

BESIDE_PROPOSALS = ("ray-asha-optuna", "patience", "full-budget", "oracle")
"""What ours is held against there; the last three try what a random search draws."""

SLOW = "ours-stop-only-prediction"
"""The contender that learns from curves again and again: it plays the usual size alone, on `SLOW_ON`."""

SLOW_ON = ("recorded", "surrogate", "recipe")


def cells_of(
    sources: Mapping[str, Source],
    names: Sequence[str],
    trials: Sequence[int] | None = None,
    workers: Sequence[int] | None = None,
) -> tuple[list[Cell], list[str]]:
    """What is played, and what is left out because there are too few curves.

    Args:
        sources: The curves by name.
        names: The contenders.
        trials: Numbers of trials that the user asks for, if any.
        workers: Numbers of workers that the user asks for, if any.
    """
    cells: list[Cell] = []
    left_out: list[str] = []
    for source, made in sources.items():
        most = made.most_trials()
        playing = [name for name in names if _takes_part(name, source)]
        for count, at_once in _sizes(source, trials, workers):
            if most is None or count <= most:
                usual = bool(trials or workers) or (count, at_once) == (USUAL_TRIALS, USUAL_WORKERS)
                cells += [Cell(source, count, at_once, name) for name in playing if name != SLOW or usual]
            elif (text := f"{source} with {count} trials ({most} curves)") not in left_out:
                left_out.append(text)
    return cells, left_out


def _takes_part(name: str, source: str) -> bool:
    if source == PROPOSED:
        return (CONTENDERS[name].own and name != SLOW) or name in BESIDE_PROPOSALS
    return not CONTENDERS[name].proposes and (name != SLOW or source in SLOW_ON)


def _sizes(source: str, trials: Sequence[int] | None, workers: Sequence[int] | None) -> list[tuple[int, int]]:
    if source in ONE_SIZE and not (trials or workers):
        return [(USUAL_TRIALS, USUAL_WORKERS)]
    whole = list(product(trials or TRIALS, workers or WORKERS))
    if trials or workers or source in WHOLE_GRID:
        return whole
    return [(count, at_once) for count, at_once in whole if count == USUAL_TRIALS or at_once == USUAL_WORKERS]
