"""Workers that a search could run on, for `--dry-run --workers N`: what one is, and what trials take of it."""

import argparse
import math
from dataclasses import dataclass

from search.resources import per_space
from search.settings import DeviceSettings, SearchSettings
from search.simulation.places import Places
from search.spending import devices_of
from spaces.errors import InputError
from trainables.compute.machines import Machines

FORECAST_OPTIONS = ("price_per_hour", "step_seconds", "worker_start")
"""Options that `--workers` gives a meaning to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerPool:
    """Workers that are alike; one holds what the largest trial takes.

    Attributes:
        workers: How many were asked for.
        limit: Trials at once that the user allows, or None.
        price_per_hour: Of a worker, in whatever currency; None where it is not known.
        step_seconds: Seconds of an optimiser step on a worker that the user gave, by space; the others are timed here.
        start_seconds: Until a worker that is asked for is there.
    """

    workers: int
    limit: int | None
    price_per_hour: float | None
    step_seconds: dict[str, float]
    start_seconds: float

    def shares(self, settings: SearchSettings) -> dict[str, float]:
        """What a trial of each space takes of a worker."""
        devices = {space: devices_of(settings, space) for space in settings.spaces}
        return {space: amount / max(devices.values()) for space, amount in devices.items()}

    def places(self, settings: SearchSettings, workers: int) -> Places:
        """So many empty workers."""
        return Places(workers, self.shares(settings))

    def at_once(self, settings: SearchSettings, workers: int) -> int:
        """Trials at once on so many workers: as many as there is room for, or the user's limit."""
        places = self.places(settings, workers)
        room = max(places.at_once(space) for space in settings.spaces)
        return room if self.limit is None else min(room, self.limit)

    def on_workers(self, settings: SearchSettings, workers: int) -> SearchSettings:
        """The search on so many workers."""
        device = settings.device.model_copy(update={"concurrent_trials": self.at_once(settings, workers)})
        return settings.model_copy(update={"device": device})


def check_forecast_options(options: argparse.Namespace) -> None:
    """Make sure that options of a forecast come with one.

    Raises:
        InputError: If they don't.
    """
    if options.workers is None:
        for name in FORECAST_OPTIONS:
            if getattr(options, name) is not None:
                raise InputError(f"--{name.replace('_', '-')} is for forecasts; say --dry-run --workers N with it")
    elif not options.dry_run:
        raise InputError(
            f"--workers {options.workers} is for forecasts; say --dry-run with it, or --concurrent-trials for a search"
        )


def worker_pool(options: argparse.Namespace, settings: SearchSettings, machines: Machines) -> WorkerPool | None:
    """The workers that `--workers` asks for; None without it.

    Args:
        options: The options.
        settings: The search.
        machines: What steps can be timed on.

    Raises:
        InputError: If a number is wrong, or steps can be neither timed here nor are given.
    """
    if options.workers is None:
        return None
    names = list(settings.spaces)
    given = per_space("--step-seconds", options.step_seconds, names, math.inf)
    for space, seconds in given.items():
        if seconds <= 0:
            raise InputError(f"--step-seconds {options.step_seconds}: {seconds:g} for {space} must be more than 0")
    given = {space: seconds for space, seconds in given.items() if math.isfinite(seconds)}
    missing = [space for space in names if space not in given]
    if missing and settings.device.kind == "cuda" and not machines.gpus:
        raise InputError(
            f"--workers {options.workers}: there is no GPU here to time steps of {' and '.join(missing)} on; say how "
            f"long one takes on a worker: --step-seconds {','.join(f'{space}=SECONDS' for space in missing)}"
        )
    return WorkerPool(
        workers=options.workers,
        limit=options.concurrent_trials,
        price_per_hour=options.price_per_hour,
        step_seconds=given,
        start_seconds=options.worker_start or 0.0,
    )


def worker_text(settings: SearchSettings) -> str:
    """What a worker is and what each space takes of it, for people."""
    device = settings.device
    devices = {space: devices_of(settings, space) for space in settings.spaces}
    largest = max(devices, key=lambda space: devices[space])
    gpus, cpus = device.gpus_per_trial[largest], _cores(device, devices)
    holds = f"{gpus:g} GPU{'' if gpus == 1 else 's'} with " if device.kind == "cuda" else ""
    text = f"a worker: what a trial of {largest} takes, {holds}{cpus:g} CPU core{'' if cpus == 1 else 's'}"
    smaller = [f"a trial of {space} takes {devices[space] / devices[largest]:.2g} of one" for space in devices]
    return "; ".join([text, *(part for part in smaller if not part.endswith(" 1 of one"))])


def _cores(device: DeviceSettings, devices: dict[str, float]) -> float:
    """CPU cores of a worker: enough for as many trials of any space as its devices take."""
    whole = max(devices.values())
    return max(cpus * int(whole / devices[space] + 1e-6) for space, cpus in device.cpus_per_trial.items())


def timed_here(settings: SearchSettings, machines: Machines) -> SearchSettings:
    """The search as its steps are timed on machines that are there: as many trials at once as fit on them.

    Where the workers' trials have GPUs and these machines none, steps are timed on CPU cores.
    """
    device = settings.device
    on_gpu = device.kind == "cuda" and machines.gpus > 0
    cores = max(1, machines.cpus)
    cpus = {space: min(amount, cores) for space, amount in device.cpus_per_trial.items()}
    if not on_gpu:
        cpus = {space: max(1.0, amount) for space, amount in cpus.items()}
    gpus = {
        space: min(amount, float(machines.gpus)) if on_gpu else 0.0 for space, amount in device.gpus_per_trial.items()
    }
    fit = [machines.gpus / amount for amount in gpus.values()] if on_gpu else [cores / n for n in cpus.values()]
    here = device.model_copy(
        update={
            "kind": "cuda" if on_gpu else "cpu",
            "cpus_per_trial": cpus,
            "gpus_per_trial": gpus,
            "concurrent_trials": max(1, min(int(max(fit)), device.concurrent_trials)),
            "loader_workers": device.loader_workers if on_gpu == (device.kind == "cuda") else 0,
        }
    )
    return settings.model_copy(update={"device": here})
