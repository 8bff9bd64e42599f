"""How each space computes fastest and how fast it then trains on these machines, measured before a search.

As many configurations are timed at a time as trials will run, since trials that share a machine slow each other down.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from search.settings import SearchSettings
from search.spending import devices_of
from spaces.configuration import TrialConfig
from spaces.drawing import RandomSource
from spaces.errors import InputError
from trainables.compute.layout_settings import LayoutSettings

if TYPE_CHECKING:
    from trainables.training.pace import Pace

TIMED_CONFIGURATIONS = 6
"""Configurations of a space that are timed: many train without self-training, or with fewer views, and faster."""

POOL = 120
"""Configurations drawn from a space, from which those that are timed are taken evenly by what they should cost."""

MOST_AT_ONCE = 8
"""Processes that time at once, at most; more hardly tell more of how trials slow each other down."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """What one process measures.

    Attributes:
        settings: The search.
        space: The space.
        configs: Configurations of it, one after another.
        device: As torch names it.
    """

    settings: SearchSettings
    space: str
    configs: tuple[dict[str, Any], ...]
    device: str

    @property
    def threads(self) -> int:
        """CPU threads of a trial."""
        return max(1, int(self.settings.device.cpus_per_trial[self.space]))


Run = Callable[[Callable[[Timing], Any], Sequence[Timing]], list[Any]]
"""Calls a function with several timings of a space at the same time, as trials of it would run: each in a process of
its own that ends and gives its memory back."""


def in_own_processes(function: Callable[[Timing], Any], timings: Sequence[Timing]) -> list[Any]:
    """A `Run` on this machine without Ray."""
    placed = [replace(timing, device=_device_of(timing, place)) for place, timing in enumerate(timings)]
    with ProcessPoolExecutor(max_workers=len(placed), mp_context=get_context("spawn")) as pool:
        return list(pool.map(function, placed))


def on_ray(function: Callable[[Timing], Any], timings: Sequence[Timing]) -> list[Any]:
    """A `Run` on Ray, which must be running, on machines that trials of the space run on."""
    import ray

    device, space = timings[0].settings.device, timings[0].space
    remote = ray.remote(max_calls=1)(function)
    place = remote.options(num_cpus=device.cpus_per_trial[space], num_gpus=device.gpus_per_trial[space])
    try:
        results: list[Any] = ray.get([place.remote(timing) for timing in timings])
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, InputError):
            raise error.cause from None
        raise
    return results


def measured_layout(settings: SearchSettings, space: str, run: Run) -> LayoutSettings:
    """How trials of a space compute fastest.

    Raises:
        InputError: If its baseline can't be trained on the device at all.
    """
    timing = Timing(
        settings=settings, space=space, configs=(settings.spaces[space].baseline,), device=settings.device.kind
    )
    try:
        (chosen,) = run(choose, [timing])
    except InputError as error:
        raise InputError(f"space {space}: {error}") from None
    assert isinstance(chosen, LayoutSettings)  # noqa: S101 - `choose` gives nothing else
    return chosen


@dataclass(frozen=True, slots=True)
class MeasuredPace:
    """How fast the trials of a space train.

    Attributes:
        mean: Their mean.
        uncertainty: Standard error of the mean time of a step, as a share of it.
    """

    mean: "Pace"
    uncertainty: float


def measured_pace(settings: SearchSettings, space: str, run: Run) -> MeasuredPace:
    """Time configurations drawn from a space, in its layout."""
    least = min(devices_of(settings, name) for name in settings.spaces)
    fit = int(settings.device.concurrent_trials * least / devices_of(settings, space))
    at_once = max(1, min(fit, MOST_AT_ONCE, TIMED_CONFIGURATIONS))
    configs = _drawn(settings, space)
    timings = [
        Timing(settings=settings, space=space, configs=tuple(configs[place::at_once]), device=settings.device.kind)
        for place in range(at_once)
    ]
    parts: list[list[Pace]] = run(paces, timings)
    return summarised([parts[index % at_once][index // at_once] for index in range(len(configs))])


def summarised(found: "Sequence[Pace]") -> MeasuredPace:
    """The mean pace of configurations in the order of what they should cost, and how sure it is.

    The error is that of a systematic sample by successive differences (Wolter, Introduction to Variance Estimation):
    what sets neighbours apart is chance, what sets the first apart from the last is not.
    """
    from trainables.training.pace import Pace

    mean = Pace.mean(found)
    squares = sum((second.step - first.step) ** 2 for first, second in pairwise(found))
    count = len(found)
    error = math.sqrt(squares / (2 * count * (count - 1))) if count > 1 else 0.0
    return MeasuredPace(mean, error / mean.step)


def choose(timing: Timing) -> LayoutSettings:
    """Choose the layout for the first configuration, here."""
    from trainables.compute.layout_measurement import choose_layout

    settings = timing.settings
    precision = settings.device.precision
    choice = choose_layout(
        TrialConfig.model_validate(timing.configs[0]),
        classes=len(settings.data.classes),
        device=timing.device,
        threads=timing.threads,
        precision=None if precision == "auto" else precision,
        compiled=settings.device.compile,
    )
    return LayoutSettings.of(choice)


def paces(timing: Timing) -> "list[Pace]":
    """Time the configurations, here."""
    import torch

    from trainables.data.loader import BatchLoader
    from trainables.data.trial_data import TrialData
    from trainables.training.pace import TIMED_WINDOWS, measure_pace

    settings, on_gpu = timing.settings, timing.settings.device.kind == "cuda"
    if not on_gpu:
        torch.set_num_threads(timing.threads)
    dataset, split = settings.open_data()
    windows = min(settings.validation_windows or TIMED_WINDOWS, TIMED_WINDOWS)
    data = TrialData(dataset, split, validation_windows=windows)
    loader = BatchLoader(data, workers=settings.device.loader_workers, pin_memory=on_gpu)
    try:
        return [
            measure_pace(
                TrialConfig.model_validate(config),
                data,
                validation_windows=settings.validation_windows,
                device=timing.device,
                layout=settings.layouts[timing.space].compute_layout(),
                evaluation=settings.evaluation,
                loader=loader,
            )
            for config in timing.configs
        ]
    finally:
        loader.close()


def _drawn(settings: SearchSettings, name: str) -> list[dict[str, Any]]:
    """Draws from the space, spread evenly over what they should cost; the same in every search with these settings."""
    space, source = settings.spaces[name].space(name), RandomSource(settings.seed)
    pool = sorted((space.sample(source) for _ in range(POOL)), key=_views)
    places = [(2 * index + 1) * POOL // (2 * TIMED_CONFIGURATIONS) for index in range(TIMED_CONFIGURATIONS)]
    return [pool[place].model_dump() for place in places]


def _views(config: TrialConfig) -> tuple[int, int]:
    """What the cost of a step mostly depends on: views of unlabelled images that are learned from, then heads."""
    return (config.strong_views if config.selftraining else 0, config.heads)


def _device_of(timing: Timing, place: int) -> str:
    """The device of the trial in that place, where trials fill this machine's GPUs one after another."""
    if timing.device == "cpu":
        return timing.device
    return f"cuda:{int(place * timing.settings.device.gpus_per_trial[timing.space])}"
