"""What a search will take, from simulations of it: steps, and the time where it is known how fast trials train."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from search.settings import SearchSettings
from search.spending import device_unit, spending_of
from search.whole_simulation import one_machine, simulate_whole, without_objectives
from spaces.durations import duration_text

if TYPE_CHECKING:
    from search.pacing import MeasuredPace

SEEDS = 3
"""Simulations of a forecast."""

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
    simulated = without_objectives(settings, paces)
    runs = [simulate_whole(simulated, paces, one_machine(settings), seed=seed) for seed in range(seeds)]
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
    whole = Range.of([run.seconds for run in runs])
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
