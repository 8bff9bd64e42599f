"""What a search spent is counted from the last evaluation of each trial."""

import pytest

from search.history import SearchHistory
from search.settings import SearchSettings
from search.spending import (
    device_unit,
    spending_lines,
    spending_of,
    spent_device_seconds,
)
from spaces.loading import load_spaces
from tests.search.searching import make_settings

BASELINE = load_spaces("unet")[0].baseline.model_dump(mode="json")


def history_with(*trials: tuple[str, str, tuple[int, ...], str | None]) -> SearchHistory:
    """Trials by name, phase, evaluated steps and end; a step takes 2 s and 8 images, an evaluation 5 s."""
    history = SearchHistory()
    for number, (trial_id, phase, steps, stop_reason) in enumerate(trials):
        history.apply(
            {
                "event": "proposed",
                "time": 0.0,
                "trial_id": trial_id,
                "space": "unet",
                "phase": phase,
                "role": "baseline" if number == 0 else "proposed",
                "seed": 0,
                "config": BASELINE,
            }
        )
        for count, step in enumerate(steps, start=1):
            metrics = {
                "step": step,
                "miou": 0.5,
                "train_seconds": 2.0 * step,
                "evaluation_seconds": 5.0 * count,
                "images_seen": 8 * step,
            }
            history.apply({"event": "reported", "time": 0.0, "trial_id": trial_id, "step": step, "metrics": metrics})
        if stop_reason is not None:
            end = {"trial_id": trial_id, "step": max(steps, default=0), "stop_reason": stop_reason, "error": None}
            history.apply({"event": "ended", "time": 0.0, **end})
    return history


def on_cores(cores: float, gpus: float = 0.0) -> SearchSettings:
    settings = make_settings(grace_steps=20)
    device = settings.device.model_copy(
        update={
            "kind": "cuda" if gpus else "cpu",
            "cpus_per_trial": {"unet": cores},
            "gpus_per_trial": {"unet": gpus},
        }
    )
    return settings.model_copy(update={"device": device})


FINISHED = history_with(
    ("unet-000", "search", (10, 20), "completed"),
    ("unet-001", "search", (10,), "pruned"),
    ("unet-002", "search", (), "error"),
    ("unet-best-seed1", "finalist", (10, 20), "completed"),
)


@pytest.mark.parametrize(
    ("cores", "gpus", "devices", "unit"),
    [(1, 0, 1, "CPU-core-seconds"), (3, 0, 3, "CPU-core-seconds"), (4, 0.5, 0.5, "GPU-seconds")],
)
def test_phases_are_counted_apart_and_seconds_times_the_devices_of_a_trial(
    cores: float, gpus: float, devices: float, unit: str
) -> None:
    settings = on_cores(cores, gpus)
    phases = spending_of(FINISHED, settings)["unet"]
    search, finals = phases["search"], phases["finalist"]
    # 30 steps of 2 s, and 3 evaluations of 5 s; the trial that broke at once was never evaluated.
    assert (search.trials, search.steps, search.images_seen) == (2, 30, 240)
    assert search.device_seconds == pytest.approx(75 * devices)
    assert (finals.trials, finals.steps) == (1, 20)
    assert finals.device_seconds == pytest.approx(50 * devices)
    assert device_unit(settings) == unit


def test_nothing_is_spent_at_first() -> None:
    settings = on_cores(1)
    history = history_with(("unet-000", "search", (), None))
    assert spent_device_seconds(history, settings, "unet") == 0.0
    assert spending_lines({}, settings) == []


def test_trials_under_way_are_counted_with_what_they_will_take() -> None:
    settings = on_cores(2).model_copy(update={"scheduler": "none"})
    done = history_with(("unet-000", "search", (10, 20, 30, 40, 50, 60, 70, 80, 90), "completed"))
    assert spent_device_seconds(done, settings, "unet") == pytest.approx(2 * (180 + 45))
    # 20 steps took 2 * 25 s; nothing ends these trials before their 90 steps.
    running = history_with(("unet-000", "search", (10,), None), ("unet-001", "search", (10,), None))
    assert spent_device_seconds(running, settings, "unet") == pytest.approx(2 * 2.5 * 180)


def test_each_space_is_told_in_a_line() -> None:
    settings = on_cores(1)
    spent = {"unet": {phase: part.to_json() for phase, part in spending_of(FINISHED, settings)["unet"].items()}}
    assert spending_lines(spent, settings) == [
        "spent on unet: search 2 trials, 30 steps, 75 CPU-core-seconds, 240 images; "
        "finals 1 trials, 20 steps, 50 CPU-core-seconds, 160 images"
    ]
