"""What a search spent, by space and phase: trials, optimiser steps, device-seconds and images."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from search.history import SearchHistory, TrialHistory
from search.settings import SearchSettings

PHASES = ("search", "finalist")


@dataclass(frozen=True, kw_only=True, slots=True)
class Spending:
    """What some trials spent.

    Attributes:
        trials: Trials that were evaluated at least once.
        steps: Optimiser steps.
        device_seconds: Seconds of training and evaluation times the devices of a trial: GPUs, or CPU cores where
            trials have none.
        images_seen: Crops that were trained on, with repetition.
    """

    trials: int
    steps: int
    device_seconds: float
    images_seen: int

    def to_json(self) -> dict[str, Any]:
        """As summary.json keeps it."""
        return asdict(self) | {"device_seconds": round(self.device_seconds, 1)}


def devices_of(settings: SearchSettings, space: str) -> float:
    """Devices that a trial of a space holds: GPUs, or CPU cores on a CPU."""
    device = settings.device
    return (device.gpus_per_trial if device.kind == "cuda" else device.cpus_per_trial)[space]


def device_unit(settings: SearchSettings) -> str:
    """What is counted, for people."""
    return "GPU-seconds" if settings.device.kind == "cuda" else "CPU-core-seconds"


def spending_of(history: SearchHistory, settings: SearchSettings) -> dict[str, dict[str, Spending]]:
    """What each phase of each space spent: `spending_of(...)[space][phase]`."""
    return {
        space: {phase: _spent(history.of_phase(phase, space), devices_of(settings, space)) for phase in PHASES}
        for space in settings.spaces
    }


def spent_device_seconds(history: SearchHistory, settings: SearchSettings, space: str) -> float:
    """Device-seconds that are gone once a space's trials so far have ended; its finals are not counted.

    What trials have spent until now says little of it, where many run at once or wait at rungs: those that were
    proposed are counted with the steps that so many take by simulation, at the mean pace of the space so far. 0 before
    the first evaluation.
    """
    # The simulation runs the controller, which asks here.
    from search.expected_steps import expected_steps

    trials = history.of_phase("search", space)
    steps = sum(trial.step for trial in trials)
    if not steps:
        return 0.0
    seconds = sum(map(seconds_of, trials))
    bound = max(steps, expected_steps(settings, space, len(trials)))
    return seconds / steps * bound * devices_of(settings, space)


def spending_lines(spent: Mapping[str, Mapping[str, Mapping[str, float]]], settings: SearchSettings) -> list[str]:
    """What was spent, one space a line.

    Args:
        spent: The entry of summary.json: `Spending.to_json` by space and phase.
        settings: The search.
    """
    unit = device_unit(settings)
    lines = []
    for space, phases in spent.items():
        parts = [
            f"{what} {entry['trials']} trials, {entry['steps']} steps, {entry['device_seconds']:.0f} {unit}, "
            f"{entry['images_seen']} images"
            for what, entry in (("search", phases["search"]), ("finals", phases["finalist"]))
            if entry["trials"]
        ]
        if parts:
            lines.append(f"spent on {space}: {'; '.join(parts)}")
    return lines


def _spent(trials: Iterable[TrialHistory], devices: float) -> Spending:
    evaluated = [trial for trial in trials if trial.reports]
    return Spending(
        trials=len(evaluated),
        steps=sum(trial.step for trial in evaluated),
        device_seconds=sum(map(seconds_of, evaluated)) * devices,
        images_seen=round(sum(_last(trial, "images_seen") for trial in evaluated)),
    )


def seconds_of(trial: TrialHistory) -> float:
    """Seconds in which a trial trained and was evaluated; both are counted from its start, over interruptions too."""
    return _last(trial, "train_seconds") + _last(trial, "evaluation_seconds")


def _last(trial: TrialHistory, name: str) -> float:
    return float(trial.reports[trial.step].get(name) or 0.0) if trial.step else 0.0
