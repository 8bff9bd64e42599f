"""What each report costs a search's driver on more and more workers, with trials in proportion.

    python -m benchmarks.weak_scaling

Controller, scheduler, searcher and journal (on disk) are the search's own; nothing is trained and Ray has no part. The
first rows drive them in one process with so many trials at once: what a report costs must not grow with the workers.
`all ms` is what one report takes of the driver, with its share of proposals and starts, and `reports/s` what one driver
can take; `a worker each s` is how far apart the reports of one worker must be for it to keep up with all of them.

The second rows have real processes, all on this machine's cores, that report as fast as they are answered.
"""

import statistics
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, cast

from benchmarks.reporting import benchmark_parser, report
from benchmarks.reporting_process import report_until_told
from spaces.command_line import EXIT_DONE, run_command
from spaces.option_types import positive

WORKERS = (1, 100, 1000)
PROCESSES = (1, 2, 16)
QUICK_WORKERS = (1, 20)
QUICK_PROCESSES = (1, 2)

FEWEST_TRIALS = 100
"""Trials of a row at least: what imports and the first proposals take is spread over them."""

MOST_GROWTH = 1.5
"""Times that a report on the most workers may cost what it costs on 100."""


def main(words: Sequence[str]) -> int:
    """Measure, print the table."""
    options = _options(words)
    rows: list[dict[str, Any]] = []
    for workers in options.workers:
        trials = max(options.fewest_trials, options.trials_per_worker * workers)
        sys.stderr.write(f"{workers} workers, {trials} trials, one process\n")
        rows.append(_alone(workers, trials))
    growth = rows[-1]["CPU ms"] / rows[-2]["CPU ms"] if len(rows) > 1 else None
    for processes in options.processes:
        trials = max(options.fewest_trials, options.trials_per_worker * processes)
        sys.stderr.write(f"{processes} processes, {trials} trials\n")
        rows.append(_beside_processes(processes, trials))
    findings = {} if growth is None else {"growth": growth, "growth_kept": growth <= MOST_GROWTH}
    report("What a report costs the driver, trials in proportion to workers", rows, options, **findings)
    return EXIT_DONE


def _options(words: Sequence[str]) -> Namespace:
    parser = benchmark_parser("weak_scaling", "What each report costs a search's driver on more and more workers.")
    parser.add_argument("--trials-per-worker", type=positive, default=2, metavar="N", help="(2)")
    options = parser.parse_args(words)
    options.workers, options.processes, options.fewest_trials = WORKERS, PROCESSES, FEWEST_TRIALS
    if options.quick:
        options.workers, options.processes, options.fewest_trials = QUICK_WORKERS, QUICK_PROCESSES, 8
    return options


def _alone(workers: int, trials: int) -> dict[str, Any]:
    """A search in this process, with so many trials at once."""
    from benchmarks.controller_cost import our_costs, process_memory_mb

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        watch, _ = our_costs(trials, Path(folder), (), workers)
    milliseconds = watch.ms_per_report("controller")
    return {
        "workers": workers,
        "trials": trials,
        "reports": watch.reports,
        "decide ms": watch.ms_per_report("decide"),
        "hand out ms": watch.ms_per_report("hand out"),
        "all ms": milliseconds,
        "journal ms": watch.ms_per_report("journal"),
        "searcher ms": watch.ms_per_report("searcher"),
        "CPU ms": watch.cpu_ms_per_report("controller"),
        "reports/s": 1000 / milliseconds,
        "a worker each s": workers * milliseconds / 1000,
        "memory MB": process_memory_mb(),
    }


def _beside_processes(processes: int, trials: int) -> dict[str, Any]:
    """A search whose trials are real processes that do nothing but report."""
    from benchmarks.formula_trials import formula_settings

    context = get_context("spawn")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        settings = formula_settings(trials, Path(folder), "processes", workers=processes)
        # Windows has a class of its own for these.
        connections: list[Any] = []
        running = []
        try:
            for _ in range(processes):
                ours, theirs = context.Pipe()
                process = context.Process(
                    target=report_until_told, args=(theirs, settings.eval_every, settings.max_steps), daemon=True
                )
                process.start()
                theirs.close()
                connections.append(ours)
                running.append(process)
            reports, seconds, waits = _drive(settings, Path(folder), connections)
        finally:
            for connection in connections:
                connection.close()
            for process in running:
                process.join(timeout=10)
                process.kill()
    ordered = sorted(waits)
    return {
        "workers": f"{processes} processes",
        "trials": trials,
        "reports": reports,
        "all ms": 1000 * seconds / reports,
        "reports/s": reports / seconds,
        "median wait ms": 1000 * statistics.median(ordered),
        "90 % wait ms": 1000 * ordered[int(0.9 * (len(ordered) - 1))],
    }


def _drive(settings: Any, folder: Path, connections: Sequence[Any]) -> tuple[int, float, list[float]]:
    """Run the search; its reports, its seconds from the first job on, and how long reports waited for their answers."""
    from search.controller import SearchController
    from search.history import SearchHistory
    from trainables.journal import Journal

    idle, waits, reports = list(connections), [], 0
    with Journal(folder) as journal:
        controller = SearchController(settings, SearchHistory(), journal.append)
        began = time.perf_counter()
        while not controller.phase_done():
            while idle and (job := controller.next_trial()) is not None:
                controller.started(job.trial_id)
                idle.pop().send((job.trial_id, controller.history.trials[job.trial_id].step))
            for connection in cast("list[Any]", wait([one for one in connections if one not in idle])):
                trial_id, metrics, waited = connection.recv()
                goes_on = controller.reported(trial_id, metrics)
                connection.send(goes_on)
                reports += 1
                waits += [] if waited is None else [waited]
                if not goes_on:
                    idle.append(connection)
        seconds = time.perf_counter() - began
    for connection in connections:
        connection.send(None)
    return reports, seconds, waits


if __name__ == "__main__":
    run_command(main)
