"""Seconds from the end of one trial to the first step of the next, on Ray Tune, with ours and with stock parts."""

import itertools
import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.stock_ray import stock_scheduler
from benchmarks.timed_trainables import NOTES, StockTrial, TimedTrial
from search.controller import SearchController
from search.execution import _context
from search.history import SearchHistory
from search.options import make_parser
from search.planning import plan_search
from search.settings import SearchSettings
from trainables.compute.layout_settings import LayoutSettings
from trainables.compute.machines import this_machine
from trainables.journal import Journal
from trainables.ray_trainable import TrialContext

EVALUATIONS = 2
"""Of a full trial; a trial may end or pause after the first."""

REDUCTION_FACTOR = 2


@dataclass(frozen=True, slots=True)
class Turnaround:
    """One change of trials in the only place where trials run.

    Attributes:
        seconds: From the last result of the one to the first optimiser step of the other, its batch in hand.
        resumed: Whether the other had been trained before and went on from its checkpoint.
        reused: Whether both ran in one process.
    """

    seconds: float
    resumed: bool
    reused: bool


def turnaround_settings(space: str, trials: int, runs: Path, *, steps: int | None = None) -> SearchSettings:
    """A demo's search whose trials are judged after the first of two evaluations and run one at a time.

    Args:
        space: Name of the space.
        trials: Trials of each contender.
        runs: Folder of the search's folder.
        steps: Optimiser steps between evaluations; the demo's if None.
    """
    words = [
        "--space",
        space,
        "--preset",
        "demo",
        "--trials",
        str(trials),
        "--finalist-seeds",
        "0",
        "--runs",
        str(runs),
    ]
    settings = plan_search(make_parser().parse_args([*words, "--name", space]), this_machine()).settings
    steps = steps or settings.eval_every
    recommended = _recommended_layout(settings.device.kind)
    return settings.model_copy(
        update={
            "max_steps": EVALUATIONS * steps,
            "eval_every": steps,
            "grace_steps": steps,
            "rungs": (steps,),
            "reduction_factor": REDUCTION_FACTOR,
            "device": settings.device.model_copy(update={"concurrent_trials": 1}),
            "layouts": {space: recommended},
        }
    )


def _recommended_layout(device: str) -> LayoutSettings:
    from trainables.compute.precision import recommended_layout

    layout = recommended_layout(device)
    return LayoutSettings(
        precision=layout.precision,
        channels_last=layout.channels_last,
        compiled=layout.compiled,
        reason="as recommended",
        measured=(),
    )


def our_turnarounds(settings: SearchSettings, folder: Path) -> list[Turnaround]:
    """Run a search of real trials; Ray must be running."""
    from search.ray_tune import run_phase

    context = _context(settings, {})
    with Journal(folder) as journal:
        controller = SearchController(settings, SearchHistory(), journal.append)
        controller.begin_phase("search")
        run_phase(settings, controller, context, trainable=TimedTrial)
        if not controller.phase_done():
            raise RuntimeError("the search ended early")
    return _turnarounds(Path(context.storage))


def stock_turnarounds(settings: SearchSettings, folder: Path, *, reuse: bool) -> list[Turnaround]:
    """Run as many trials with Ray's own scheduler and searcher; Ray must be running."""
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    [space] = settings.searched_spaces()
    storage = folder / ("reused" if reuse else "fresh")
    context: TrialContext = replace(_context(settings, {}), storage=str(storage))
    trainable = tune.with_resources(tune.with_parameters(StockTrial, context=context), {"CPU": 1})
    tuner = tune.Tuner(
        trainable,
        param_space={
            "learning_rate": tune.loguniform(1e-4, 2e-2),
            "dice_weight": tune.uniform(0.0, 0.6),
            "space": space.name,
            "baseline": space.baseline.model_dump(mode="json"),
        },
        tune_config=tune.TuneConfig(
            num_samples=settings.trials_per_space,
            max_concurrent_trials=1,
            search_alg=OptunaSearch(metric="miou", mode="max", seed=0),
            scheduler=stock_scheduler(settings),
            reuse_actors=reuse,
        ),
        run_config=tune.RunConfig(
            storage_path=str((folder / "stock").absolute()),
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
            verbose=0,
        ),
    )
    results: Any = tuner.fit()
    if results.errors:
        raise results.errors[0]
    return _turnarounds(storage)


def _turnarounds(storage: Path) -> list[Turnaround]:
    notes = [json.loads(line) for line in (storage / NOTES).read_text(encoding="utf-8").splitlines()]
    found = []
    for earlier, later in itertools.pairwise(notes):
        # A trial that goes on without a pause notes no first step again.
        if (earlier["event"], later["event"]) == ("returned", "first_step"):
            seconds = later["time"] - earlier["time"]
            found.append(Turnaround(seconds, resumed=later["step"] > 0, reused=earlier["pid"] == later["pid"]))
    return found
