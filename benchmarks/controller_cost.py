"""Time and memory that the search's own parts take of its driver, without Ray, and those of stock Ray Tune."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil

from benchmarks.formula_trials import formula_metrics, formula_settings
from benchmarks.stock_ray import stock_scheduler
from search.controller import SearchController
from search.history import SearchHistory, TrialJob
from search.proposals import Sampler, make_samplers
from search.schedulers.rule import Scheduler
from spaces.configuration import TrialConfig
from trainables.compute.process_memory import MEGABYTE
from trainables.journal import Event, Journal

CONCURRENT = 8
"""Trials at once."""


class Stopwatch:
    """Adds up the time of the parts that are called through it.

    Attributes:
        seconds: By part.
        cpu_seconds: Those of the processor, by part: without what other work on the machine or the disk takes.
        reports: Evaluations that were taken in.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu_seconds: dict[str, float] = {}
        self.reports = 0

    @contextmanager
    def timing(self, part: str) -> Iterator[None]:
        """Add the time of a block."""
        began, cpu_began = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - began
            self.cpu_seconds[part] = self.cpu_seconds.get(part, 0.0) + time.thread_time() - cpu_began

    def ms_per_report(self, part: str) -> float:
        """Mean time of a part, ms for each evaluation."""
        return 1000 * self.seconds.get(part, 0.0) / max(1, self.reports)

    def cpu_ms_per_report(self, part: str) -> float:
        """The processor's mean time of a part, ms for each evaluation."""
        return 1000 * self.cpu_seconds.get(part, 0.0) / max(1, self.reports)


class _Timed:
    """An object whose methods are timed together."""

    def __init__(self, one: Any, part: str, watch: Stopwatch) -> None:
        self._one, self._part, self._watch = one, part, watch

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._one, name)

        def timed(*content: Any, **named: Any) -> Any:
            with self._watch.timing(self._part):
                return method(*content, **named)

        return timed


def our_costs(
    trials: int, folder: Path, told: tuple[int, ...], workers: int = CONCURRENT
) -> tuple[Stopwatch, dict[int, float]]:
    """Run a whole search of trials by formula through controller, scheduler, searcher and a journal on disk.

    Args:
        trials: Trials of the search.
        folder: Where the journal is made.
        told: Numbers of started trials at which the process's memory is read.
        workers: Trials at once.

    Returns:
        The times of `journal`, `scheduler`, `searcher`, of decisions as `decide`, of handing out trials as `hand out`
        and of these two together as `controller`; memory in MB by number of trials.
    """
    settings = formula_settings(trials, folder, "controller", workers=workers)
    watch = Stopwatch()
    memory: dict[int, float] = {}
    samplers: dict[str, Sampler] = {
        space: _Timed(sampler, "searcher", watch) for space, sampler in make_samplers(settings).items()
    }
    running: dict[str, tuple[TrialJob, int]] = {}
    with Journal(folder) as journal:

        def append(event: str, **content: Any) -> Event:
            with watch.timing("journal"):
                return journal.append(event, **content)

        controller = SearchController(settings, SearchHistory(), append, samplers=samplers)
        scheduler: Scheduler = _Timed(controller._scheduler, "scheduler", watch)  # type: ignore[assignment]
        controller._scheduler = scheduler
        controller.begin_phase("search")
        while True:
            _start_waiting(controller, running, watch)
            for number in told:
                if len(controller.history.trials) >= number:
                    memory.setdefault(number, process_memory_mb())
            if not running:
                return watch, memory
            for trial_id, (job, trained) in list(running.items()):
                step = trained + settings.eval_every
                running[trial_id] = (job, step)
                metrics = formula_metrics(job.config, job.seed, step, settings.max_steps)
                watch.reports += 1
                with watch.timing("controller"), watch.timing("decide"):
                    goes_on = controller.reported(trial_id, metrics)
                if not goes_on:
                    del running[trial_id]
                # Ray asks for a trial after every report, too.
                _start_waiting(controller, running, watch)


def _start_waiting(controller: SearchController, running: dict[str, tuple[TrialJob, int]], watch: Stopwatch) -> None:
    while True:
        with watch.timing("controller"), watch.timing("hand out"):
            job = controller.next_trial()
            if job is None:
                controller.phase_done()
                return
            controller.started(job.trial_id)
        running[job.trial_id] = (job, controller.history.trials[job.trial_id].step)


def stock_costs(trials: int, folder: Path) -> Stopwatch:
    """The same with Ray's AsyncHyperBandScheduler and OptunaSearch, which keep no journal.

    Returns:
        The times of `scheduler` and `searcher`, and both together as `controller`.
    """
    from ray.tune.schedulers import TrialScheduler
    from ray.tune.search.optuna import OptunaSearch

    settings = formula_settings(trials, folder, "stock")
    [space] = settings.searched_spaces()
    watch = Stopwatch()
    searcher = OptunaSearch(lambda trial: _drawn(space, trial), metric="miou", mode="max", seed=0)
    scheduler = stock_scheduler(settings)
    runner: Any = SimpleNamespace()
    running: dict[str, tuple[Any, TrialConfig, int]] = {}
    started = 0
    while started < trials or running:
        while started < trials and len(running) < CONCURRENT:
            trial_id = f"{started:05d}"
            with watch.timing("controller"), watch.timing("searcher"):
                drawn = searcher.suggest(trial_id)
            trial = SimpleNamespace(trial_id=trial_id, config=drawn, is_finished=lambda: False)
            config = space.baseline.model_copy(
                update={name: drawn[name] for name in ("learning_rate", "dice_weight") if name in drawn}
            )
            with watch.timing("controller"), watch.timing("scheduler"):
                scheduler.on_trial_add(runner, trial)
            running[trial_id] = (trial, config, 0)
            started += 1
        for trial_id, (trial, config, trained) in list(running.items()):
            step = trained + settings.eval_every
            running[trial_id] = (trial, config, step)
            result = formula_metrics(config, 0, step, settings.max_steps) | {"training_iteration": step}
            watch.reports += 1
            with watch.timing("controller"):
                with watch.timing("scheduler"):
                    decision = scheduler.on_trial_result(runner, trial, result)
                if decision != TrialScheduler.STOP and step < settings.max_steps:
                    with watch.timing("searcher"):
                        searcher.on_trial_result(trial_id, result)
                    continue
                with watch.timing("scheduler"):
                    scheduler.on_trial_complete(runner, trial, result)
                with watch.timing("searcher"):
                    searcher.on_trial_complete(trial_id, result)
            del running[trial_id]
    return watch


def _drawn(space: Any, trial: Any) -> None:
    """Let Optuna draw a configuration of a space; OptunaSearch reads the values off the trial."""
    from search.samplers.sources import OptunaSource

    space.sample(OptunaSource(trial))


def process_memory_mb() -> float:
    """Resident memory of this process now, MB."""
    return float(psutil.Process().memory_info().rss) / MEGABYTE
