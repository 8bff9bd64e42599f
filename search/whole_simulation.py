"""A whole search on a simulated clock: its trials, then its finals and the measurement of its networks."""

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search.expected_steps import FixedSampler
from search.finalists import finals_of
from search.history import SearchHistory
from search.settings import SearchSettings
from search.simulation.places import Places
from search.simulation.simulator import Durations, simulate
from search.spending import devices_of
from search.typical_curves import TypicalCurves

if TYPE_CHECKING:
    from search.driver_pace import DriverPace
    from search.pacing import MeasuredPace

PROCESS_START_SECONDS = 8.0
"""Until a trial's process has loaded its libraries and opened the data; once for each phase."""

AROUND_SECONDS = 20.0
"""Starting Ray, and the tables, pictures and report at the end."""

COSTS_SECONDS = 6.0
COSTS_STEPS = 12
"""Measuring one network after the search takes about as long as so many steps, and that many seconds at least."""

NETWORKS_OF_A_SPACE = 3
"""Networks that a space's trials differ in: by their number of heads."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WholeSearch:
    """A simulated search.

    Attributes:
        history: What happened in its search phase.
        seconds: Wall-clock time of everything; meaningless where paces are unknown.
        trial_seconds: Time that trials and finals trained and were evaluated, by space, summed over them.
        occupied_seconds: Time in which workers had trials, summed over workers.
        reports: Evaluations of the search phase.
        search_seconds: Wall-clock time of the search phase.
    """

    history: SearchHistory
    seconds: float
    trial_seconds: dict[str, float]
    occupied_seconds: float
    reports: int
    search_seconds: float


def without_objectives(settings: SearchSettings, paces: "Mapping[str, MeasuredPace] | None") -> SearchSettings:
    """The search as it is simulated: without costs as objectives, predicted curves, and a share of unknown times."""
    changes = {"objectives": ("miou",), "curve_prediction": False, "warm_start": {}}
    if paces is None:
        changes["device_seconds_per_space"] = None
    return settings.model_copy(update=changes)


def one_machine(settings: SearchSettings) -> Places:
    """A place with all the devices that the search's trials at once take, of the space that takes the least."""
    devices = {space: devices_of(settings, space) for space in settings.spaces}
    whole = max(settings.device.concurrent_trials * min(devices.values()), *devices.values(), 0.0)
    return Places(1, {space: amount / whole for space, amount in devices.items()})


def simulate_whole(
    settings: SearchSettings,
    paces: "Mapping[str, MeasuredPace] | None",
    places: Places,
    *,
    seed: int,
    driver: "DriverPace | None" = None,
) -> WholeSearch:
    """Simulate a search once.

    Args:
        settings: The search, as `without_objectives` gives it.
        paces: How fast each space trains; None counts steps.
        places: Where trials run, empty.
        seed: Another gives other curves.
        driver: How fast the driver decides and proposes; None: at once.
    """
    durations = _durations(settings, paces, driver)
    samplers = {space.name: FixedSampler(space.baseline) for space in settings.searched_spaces()}
    curves = TypicalCurves.for_search(settings, seed=seed)
    run = simulate(settings, curves, durations, samplers=samplers, places=places)
    trial_seconds = dict(run.busy_seconds)
    after = 0.0
    if paces is not None:
        finals = _finals(settings, paces)
        for space, seconds in finals:
            trial_seconds[space] += seconds
        after = _seconds_after(settings, paces, finals, places)
    return WholeSearch(
        history=run.history,
        seconds=run.seconds + after,
        trial_seconds=trial_seconds,
        occupied_seconds=places.occupied_seconds,
        reports=sum(len(trial.reports) for trial in run.history.trials.values()),
        search_seconds=run.seconds,
    )


def _durations(
    settings: SearchSettings, paces: "Mapping[str, MeasuredPace] | None", driver: "DriverPace | None"
) -> Durations:
    if paces is None:
        return Durations.of_steps(dict.fromkeys(settings.spaces, 1.0))
    return Durations(
        step={space: pace.mean.step for space, pace in paces.items()},
        evaluation={space: pace.mean.evaluation + pace.mean.checkpoint for space, pace in paces.items()},
        start={space: pace.mean.start for space, pace in paces.items()},
        report=0.0 if driver is None else driver.report,
        proposal=0.0 if driver is None else driver.proposal,
    )


def _finals(settings: SearchSettings, paces: "Mapping[str, MeasuredPace]") -> list[tuple[str, float]]:
    """Space and seconds of each run of the finals."""
    evaluations = math.ceil(settings.max_steps / settings.eval_every)
    seconds = {}
    for space in settings.spaces:
        pace = paces[space].mean
        training = pace.start + settings.max_steps * pace.step + evaluations * (pace.evaluation + pace.checkpoint)
        seconds[space] = training + pace.test
    # Spaces have equally many finals; one space has them all.
    names = list(settings.spaces)
    return [(names[index % len(names)], seconds[names[index % len(names)]]) for index in range(finals_of(settings))]


def _seconds_after(
    settings: SearchSettings,
    paces: "Mapping[str, MeasuredPace]",
    finals: Sequence[tuple[str, float]],
    places: Places,
) -> float:
    """Seconds of the wall clock that a search takes beside its search phase."""
    starts = PROCESS_START_SECONDS * (2 if finals else 1)
    costs = sum(NETWORKS_OF_A_SPACE * max(COSTS_SECONDS, COSTS_STEPS * pace.mean.step) for pace in paces.values())
    return AROUND_SECONDS + starts + _makespan(finals, places, settings.device.concurrent_trials) + costs


def _makespan(jobs: Sequence[tuple[str, float]], places: Places, at_once: int) -> float:
    """When the last of some jobs ends; each starts as soon as a worker has room for it."""
    now = 0.0
    waiting = list(jobs)
    running: list[tuple[float, int, int, str]] = []
    while waiting or running:
        left = []
        for number, (space, seconds) in enumerate(waiting):
            worker = places.take(space, now) if len(running) < at_once else None
            if worker is None:
                left.append((space, seconds))
            else:
                heapq.heappush(running, (now + seconds, number, worker, space))
        waiting = left
        now, _, worker, space = heapq.heappop(running)
        places.release(worker, space, now)
    return now
