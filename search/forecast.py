"""What a search will take, from simulations of it: steps, and the time where it is known how fast trials train."""

import heapq
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from search.expected_steps import FixedSampler
from search.finalists import finals_of
from search.settings import SearchSettings
from search.simulation.simulator import Durations, simulate
from search.spending import device_unit, devices_of, spending_of
from search.typical_curves import TypicalCurves
from spaces.durations import duration_text

if TYPE_CHECKING:
    from search.pacing import MeasuredPace

SEEDS = 3
"""Simulations of a forecast."""

PROCESS_START_SECONDS = 8.0
"""Until a trial's process has loaded its libraries and opened the data; once for each phase."""

AROUND_SECONDS = 20.0
"""Starting Ray, and the tables, pictures and report at the end."""

COSTS_SECONDS = 6.0
COSTS_STEPS = 12
"""Measuring one network after the search takes about as long as so many steps, and that many seconds at least."""

NETWORKS_OF_A_SPACE = 3
"""Networks that a space's trials differ in: by their number of heads."""

CURVES = "simulated on saturating power laws whose ranks settle as recorded ones' did"


@dataclass(frozen=True, slots=True)
class Range:
    """A number that several simulations gave.

    Attributes:
        low: The least.
        mean: Their mean.
        high: The most.
    """

    low: float
    mean: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Range":
        """The range of at least one value."""
        return cls(min(values), statistics.fmean(values), max(values))

    def widened(self, share: float) -> "Range":
        """The range with both ends that share further off."""
        return Range(self.low * (1.0 - min(1.0, share)), self.mean, self.high * (1.0 + share))


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceForecast:
    """What the search of one space takes, without its finals.

    Attributes:
        steps: Optimiser steps.
        device_seconds: Device-seconds; None where paces are unknown.
    """

    steps: Range
    device_seconds: Range | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """What a search takes.

    Attributes:
        spaces: Each space's part.
        seconds: Wall-clock time of everything, finals and cost measurement included; None where paces are unknown.
    """

    spaces: dict[str, SpaceForecast]
    seconds: Range | None

    @property
    def steps(self) -> float:
        """Expected steps of all spaces."""
        return sum(space.steps.mean for space in self.spaces.values())


def forecast(
    settings: SearchSettings, paces: "Mapping[str, MeasuredPace] | None" = None, *, seeds: int = SEEDS
) -> Forecast:
    """Simulate a search several times.

    The scheduler and the rules for trials are the search's own, its workers as many. Configurations are not simulated:
    every trial takes its space's mean pace. Costs as objectives and predicted curves are left out of the simulation.

    Args:
        settings: The search; layouts need not be there.
        paces: How fast each space trains, as `search.pacing.measured_pace` gives it.
        seeds: Simulations.
    """
    device = settings.device.model_copy(update={"concurrent_trials": _workers(settings)})
    changes = {"objectives": ("miou",), "curve_prediction": False, "warm_start": {}, "device": device}
    if paces is None:
        changes["device_seconds_per_space"] = None
    simulated = settings.model_copy(update=changes)
    durations = _durations(simulated, paces)
    samplers = {space.name: FixedSampler(space.baseline) for space in simulated.searched_spaces()}
    runs = [
        simulate(simulated, TypicalCurves.for_search(settings, seed=seed), durations, samplers=samplers)
        for seed in range(seeds)
    ]
    spendings = [spending_of(run.history, simulated) for run in runs]
    spaces = {}
    for space in settings.spaces:
        spent = [spending[space]["search"] for spending in spendings]
        seconds = None
        if paces is not None:
            seconds = Range.of([entry.device_seconds for entry in spent]).widened(paces[space].uncertainty)
        spaces[space] = SpaceForecast(steps=Range.of([entry.steps for entry in spent]), device_seconds=seconds)
    if paces is None:
        return Forecast(spaces=spaces, seconds=None)
    after = _seconds_after(settings, paces)
    whole = Range.of([run.seconds + after for run in runs])
    return Forecast(spaces=spaces, seconds=whole.widened(max(pace.uncertainty for pace in paces.values())))


def forecast_lines(settings: SearchSettings, found: Forecast, now: datetime) -> list[str]:
    """A forecast for people, one fact a line."""
    lines = []
    # The only space's steps stand in the scheduler's line already.
    for space, part in found.spaces.items() if len(found.spaces) > 1 or found.seconds is not None else ():
        full = settings.trials_of(space) * settings.max_steps
        line = (
            f"forecast for {space}: about {part.steps.mean:.0f} of at most {full} steps "
            f"({1 - part.steps.mean / full:.0%} saved; {part.steps.low:.0f} to {part.steps.high:.0f})"
        )
        if part.device_seconds is not None:
            line += f", {duration_text(part.device_seconds.mean)} of {device_unit(settings)}"
        lines.append(line)
    whole = f"forecast in all: about {found.steps:.0f} of at most {settings.trials_in_all * settings.max_steps} steps"
    if found.seconds is not None:
        seconds = found.seconds
        finish = now + timedelta(seconds=seconds.mean)
        whole += (
            f", {duration_text(seconds.mean)} ({duration_text(seconds.low)} to {duration_text(seconds.high)}) with the "
            f"finals, done about {finish:%Y-%m-%d %H:%M}"
        )
    return [*lines, f"{whole}; {CURVES}"]


def _durations(settings: SearchSettings, paces: "Mapping[str, MeasuredPace] | None") -> Durations:
    if paces is None:
        return Durations.of_steps(dict.fromkeys(settings.spaces, 1.0))
    return Durations(
        step={space: pace.mean.step for space, pace in paces.items()},
        evaluation={space: pace.mean.evaluation + pace.mean.checkpoint for space, pace in paces.items()},
        start={space: pace.mean.start for space, pace in paces.items()},
    )


def _workers(settings: SearchSettings) -> int:
    """Trials at once; fewer where a trial of one space keeps several of another's waiting."""
    devices = [devices_of(settings, space) for space in settings.spaces]
    return max(1, int(settings.device.concurrent_trials * min(devices) / statistics.fmean(devices)))


def _seconds_after(settings: SearchSettings, paces: "Mapping[str, MeasuredPace]") -> float:
    """Seconds of the wall clock that a search takes beside its search phase."""
    evaluations = math.ceil(settings.max_steps / settings.eval_every)
    finals = finals_of(settings)
    per_final = []
    for space in settings.spaces:
        pace = paces[space].mean
        seconds = pace.start + settings.max_steps * pace.step + evaluations * (pace.evaluation + pace.checkpoint)
        per_final.append(seconds + pace.test)
    # Spaces have equally many finals; one space has them all.
    lengths = [per_final[index % len(per_final)] for index in range(finals)]
    starts = PROCESS_START_SECONDS * (2 if finals else 1)
    costs = sum(NETWORKS_OF_A_SPACE * max(COSTS_SECONDS, COSTS_STEPS * pace.mean.step) for pace in paces.values())
    return AROUND_SECONDS + starts + _makespan(lengths, _workers(settings)) + costs


def _makespan(lengths: Sequence[float], workers: int) -> float:
    """When the last of some jobs ends that workers take one after another in their order."""
    free = [0.0] * max(1, workers)
    for length in lengths:
        heapq.heapreplace(free, free[0] + length)
    return max(free)
