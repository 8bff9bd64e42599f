"""What is timed of a training, with a clock that the test winds."""

from collections.abc import Iterator
from itertools import count

import pytest

from spaces.configuration import TrialConfig
from tests.trainables.small_trial import small_config, small_data
from trainables.compute.precision import PLAIN_LAYOUT
from trainables.data.loader import BatchLoader
from trainables.evaluation.settings import EvaluationSettings
from trainables.training import pace as pace_module
from trainables.training.pace import Pace, measure_pace
from trainables.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("small_model")


def measured(config: TrialConfig, windows: int | None = None) -> Pace:
    data = small_data()
    return measure_pace(
        config,
        data,
        validation_windows=windows,
        device="cpu",
        layout=PLAIN_LAYOUT,
        evaluation=EvaluationSettings(),
        loader=BatchLoader(data),
    )


def test_everything_takes_some_time() -> None:
    found = measured(small_config())
    assert min(found.step, found.evaluation, found.checkpoint, found.test) > 0
    assert found.start >= 0


def test_steps_and_evaluations_are_what_the_trainer_says_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    advances: Iterator[int] = count(1)

    def advance(self: Trainer) -> dict[str, float]:
        number = next(advances)
        # The first steps choose algorithms and take long.
        return {"train_seconds": 100.0 + 3.0 * number, "evaluation_seconds": 0.5 * number}

    monkeypatch.setattr(Trainer, "advance", advance)
    found = measured(small_config())
    assert found.step == pytest.approx(3.0 / pace_module.STEPS_BETWEEN)
    assert found.evaluation == pytest.approx(0.5)
    data = small_data()
    areas = {
        part: sum(record.height * record.width for record in data.records(part)) for part in ("validation", "test")
    }
    assert found.test == pytest.approx(0.5 * areas["test"] / areas["validation"])
    assert next(advances) <= 2 + pace_module.MOST_INTERVALS


def test_a_configuration_that_would_diverge_is_timed_all_the_same() -> None:
    assert measured(small_config(learning_rate=1.0)).step > 0


def test_the_mean_is_that_of_each_part() -> None:
    first = Pace(step=1.0, evaluation=2.0, checkpoint=3.0, start=4.0, test=5.0)
    second = Pace(step=3.0, evaluation=4.0, checkpoint=5.0, start=6.0, test=7.0)
    assert Pace.mean([first, second]) == Pace(step=2.0, evaluation=3.0, checkpoint=4.0, start=5.0, test=6.0)
