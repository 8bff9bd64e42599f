"""What a running training shows, without a training."""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from trainables.full_training import display as training_display
from trainables.full_training.display import TrainingDisplay


@dataclass
class Standing:
    """Where a training stands."""

    step: int = 100
    best_miou: float = float("-inf")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the clock that the display reads."""
    time = SimpleNamespace(now=1_000.0)
    monkeypatch.setattr(training_display, "time", SimpleNamespace(monotonic=lambda: time.now))

    def set_to(seconds: float) -> None:
        time.now = 1_000.0 + seconds

    return set_to


def make_display(trainer: Standing, lines: list[str], max_steps: int = 10_100) -> TrainingDisplay:
    settings: Any = SimpleNamespace(name="full", max_steps=max_steps)
    return TrainingDisplay(settings, trainer, lines.append)


def test_a_long_training_is_forecast_once_and_early(clock: Callable[[float], None]) -> None:
    trainer, lines = Standing(), list[str]()
    display = make_display(trainer, lines)
    trainer.step = 102
    display.tell_forecast(1_030.0)
    trainer.step = 110
    display.tell_forecast(1_019.0)
    assert lines == []
    display.tell_forecast(1_020.0)
    display.tell_forecast(1_040.0)
    assert lines == [
        "9,990 steps are left: about 5 h 33 min at 0.5 steps/s; Ctrl-C ends it, --resume goes on",
    ]


def test_a_short_training_needs_no_forecast(clock: Callable[[float], None]) -> None:
    trainer, lines = Standing(), list[str]()
    display = make_display(trainer, lines, max_steps=200)
    trainer.step = 150
    display.tell_forecast(1_030.0)
    assert lines == []


def test_the_time_left_counts_from_this_sitting(clock: Callable[[float], None]) -> None:
    trainer, lines = Standing(), list[str]()
    display = make_display(trainer, lines, max_steps=300)
    clock(10.0)
    metrics = {"step": 200, "miou": 0.5, "best_miou": 0.6, "loss": 1.25, "steps_per_second": 12.5}
    display.evaluated(metrics)
    display.evaluated(metrics | {"step": 300})
    assert lines == [
        "step 200 of 300: mIoU 0.5000, best 0.6000, loss 1.2500, 12.5 steps/s, about 10 s left",
        "step 300 of 300: mIoU 0.5000, best 0.6000, loss 1.2500, 12.5 steps/s",
    ]


@pytest.mark.parametrize(("best", "expected"), [(float("-inf"), "not evaluated yet"), (0.25, "best mIoU 0.2500")])
def test_a_terminal_shows_where_it_stands(clock: Callable[[float], None], best: float, expected: str) -> None:
    trainer = Standing()
    display = make_display(trainer, [])
    trainer.step, trainer.best_miou = 1_100, best
    console = Console(width=160, file=None, record=True, force_terminal=False)
    with console.capture() as shown:
        console.print(display.live_view(1_100.0))
    text = shown.get()
    assert "full  step 1,100 of 10,100" in text
    assert expected in text
    assert "10 steps/s, 1 min 40 s so far, about 15 min 00 s left" in text


def test_before_the_first_step_no_time_is_promised(clock: Callable[[float], None]) -> None:
    console = Console(width=160)
    with console.capture() as shown:
        console.print(make_display(Standing(), []).live_view(1_005.0))
    assert "left" not in shown.get()
