"""What a search would take on several numbers of workers: wall time, worker-hours, cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from search.forecast import SEEDS, Range
from search.settings import SearchSettings
from search.whole_simulation import (
    AROUND_SECONDS,
    NETWORKS_OF_A_SPACE,
    PROCESS_START_SECONDS,
    simulate_whole,
    without_objectives,
)
from search.worker_pool import WorkerPool, worker_text
from spaces.durations import duration_text

if TYPE_CHECKING:
    from search.driver_pace import DriverPace
    from search.pacing import MeasuredPace

AROUND = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Numbers of workers that a forecast looks at, as multiples of the one that was asked for."""

MANY_TRIALS = 300
SEEDS_OF_MANY = 2
"""Simulations of a search of more trials than that: chance evens out among many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Basis:
    """What forecasts for workers rest on.

    Attributes:
        settings: The search.
        pool: The workers.
        measured: How fast each space trains here.
        driver: How fast the driver decides and proposes here.
        here: What was timed on, for people.
    """

    settings: SearchSettings
    pool: WorkerPool
    measured: "Mapping[str, MeasuredPace]"
    driver: "DriverPace"
    here: str

    @property
    def paces(self) -> "dict[str, MeasuredPace]":
        """How fast each space trains on a worker."""
        return on_given_workers(self.measured, self.pool)


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerForecast:
    """What a search takes on a number of workers.

    Attributes:
        workers: How many.
        at_once: Trials at once, at most.
        seconds: Wall-clock time of everything, the workers' start included.
        utilisation: Share of all workers' time that trials hold, each its share of a worker.
        occupied_hours: Worker-hours in which a worker has a trial.
        reports_per_second: Evaluations that the driver decides about, on average over the search phase.
    """

    workers: int
    at_once: int
    seconds: Range
    utilisation: float
    occupied_hours: float
    reports_per_second: float

    @property
    def worker_hours(self) -> float:
        """Hours of all workers from the start to the end."""
        return self.workers * self.seconds.mean / 3600


def worker_counts(workers: int) -> tuple[int, ...]:
    """Numbers of workers around one, ascending."""
    return tuple(sorted({max(1, round(factor * workers)) for factor in AROUND}))


def on_given_workers(paces: "Mapping[str, MeasuredPace]", pool: WorkerPool) -> "dict[str, MeasuredPace]":
    """Paces with the steps that the user gave; what computes takes as much longer or shorter as they do."""
    from search.pacing import MeasuredPace

    found = dict(paces)
    for space, seconds in pool.step_seconds.items():
        pace = paces[space].mean
        factor = seconds / pace.step
        scaled = replace(
            pace,
            step=seconds,
            evaluation=pace.evaluation * factor,
            start=pace.start * factor,
            test=pace.test * factor,
        )
        found[space] = MeasuredPace(scaled, 0.0)
    return found


def worker_forecasts(basis: Basis) -> list[WorkerForecast]:
    """Simulate the search on each of `worker_counts`, several times."""
    seeds = SEEDS if basis.settings.trials_in_all <= MANY_TRIALS else SEEDS_OF_MANY
    return [_on(basis, workers, seeds) for workers in worker_counts(basis.pool.workers)]


def _on(basis: Basis, workers: int, seeds: int) -> WorkerForecast:
    pool, paces = basis.pool, basis.paces
    simulated = without_objectives(pool.on_workers(basis.settings, workers), paces)
    runs = [
        simulate_whole(simulated, paces, pool.places(simulated, workers), seed=seed, driver=basis.driver)
        for seed in range(seeds)
    ]
    shares = pool.shares(simulated)
    seconds = Range.of([pool.start_seconds + run.seconds for run in runs])
    held = sum(sum(run.trial_seconds[space] * shares[space] for space in shares) for run in runs) / seeds
    return WorkerForecast(
        workers=workers,
        at_once=simulated.device.concurrent_trials,
        seconds=seconds.widened(max(pace.uncertainty for pace in paces.values())),
        utilisation=held / (workers * seconds.mean),
        occupied_hours=sum(run.occupied_seconds for run in runs) / seeds / 3600,
        reports_per_second=sum(run.reports / max(run.search_seconds, 1e-9) for run in runs) / seeds,
    )


def worker_forecast_lines(basis: Basis, found: Sequence[WorkerForecast]) -> list[str]:
    """The forecasts for people: a table, and what of it was measured and what assumed."""
    settings, pool, measured, paces = basis.settings, basis.pool, basis.measured, basis.paces
    lines = [f"forecast for workers; {worker_text(settings)}", *_table(found, pool)]
    if pool.price_per_hour is not None:
        lines.append(
            f"cost at {pool.price_per_hour:.2f} per worker-hour; the first if every worker is kept to the end, the "
            "second if each is given back whenever it has no trial"
        )
    asked = next(entry for entry in found if entry.workers == pool.workers)
    limit = "" if pool.limit is None else f" (--concurrent-trials {pool.limit} allows no more)"
    lines.append(f"on {asked.workers} workers the search needs --concurrent-trials {asked.at_once}{limit}")
    lines += [f"measured here ({basis.here}): {_driver_text(basis.driver, asked)}"]
    for space, pace in measured.items():
        given = pool.step_seconds.get(space)
        if given is None:
            lines.append(
                f"measured here for {space}: a step {pace.mean.step:.3g} s (standard error {pace.uncertainty:.0%}), an "
                f"evaluation {pace.mean.evaluation:.3g} s, its checkpoint {pace.mean.checkpoint:.3g} s"
            )
        else:
            lines.append(
                f"given for {space}: a step {given:.3g} s; here it takes {pace.mean.step:.3g} s, so an evaluation is "
                f"taken to be {paces[space].mean.evaluation:.3g} s there ({pace.mean.evaluation:.3g} s here); its "
                f"checkpoint, {pace.mean.checkpoint:.3g} s, as here"
            )
    timed = [space for space in measured if space not in pool.step_seconds]
    start = duration_text(pool.start_seconds) if pool.start_seconds else "none: they are there (--worker-start TIME)"
    assumed = [
        f"workers as fast as this machine for {' and '.join(timed)} (--step-seconds SPACE=S)" if timed else "",
        f"a worker's start: {start}",
        f"{PROCESS_START_SECONDS:g} s for a trial's process to start, once a phase, and {AROUND_SECONDS:g} s around",
        "no worker is lost, and storage and network hold nobody up",
        f"as many finals as there may be, and {NETWORKS_OF_A_SPACE} networks of a space to measure at the end",
    ]
    lines.append("assumed: " + "; ".join(part for part in assumed if part))
    return lines


def _driver_text(driver: "DriverPace", asked: WorkerForecast) -> str:
    most = 1 / driver.report
    return (
        f"the driver takes {1000 * driver.report:.3g} ms for a report and {1000 * driver.proposal:.3g} ms for a "
        f"proposal; at {asked.workers} workers {asked.reports_per_second:.3g} reports come a second, of at most "
        f"{most:.3g}"
    )


def _table(found: Sequence[WorkerForecast], pool: WorkerPool) -> list[str]:
    rows = [["workers", "trials at once", "wall time", "from", "to", "worker-hours", "in use"]]
    if pool.price_per_hour is not None:
        rows[0] += ["cost, kept", "cost, in use"]
    for entry in found:
        row = [
            f"{entry.workers}",
            f"{entry.at_once}",
            duration_text(entry.seconds.mean),
            duration_text(entry.seconds.low),
            duration_text(entry.seconds.high),
            f"{entry.worker_hours:,.1f}",
            f"{entry.utilisation:.0%}",
        ]
        if pool.price_per_hour is not None:
            row += [f"{hours * pool.price_per_hour:,.2f}" for hours in (entry.worker_hours, entry.occupied_hours)]
        rows.append(row)
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return ["  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
