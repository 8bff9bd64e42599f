from hypothesis import given
from hypothesis import strategies as st

from spaces.configuration import REFERENCE_STEPS, TrialConfig
from spaces.schedule import schedule_for

RECIPE = TrialConfig(architecture="any", encoder="any")


def test_at_full_length_the_recipe_stands_as_it_is() -> None:
    schedule = schedule_for(RECIPE, max_steps=REFERENCE_STEPS, eval_every=500)
    assert (schedule.warmup_steps, schedule.selftraining_start) == (1500, 500)
    assert abs(schedule.ema_decay - 0.9995) < 1e-12
    assert abs(schedule.threshold_decay - 0.999) < 1e-12


def test_the_weight_of_selftraining_rises_from_its_start_over_its_ramp() -> None:
    config = RECIPE.model_copy(update={"selftraining_start": 7_500, "selftraining_ramp": 3_000})
    schedule = schedule_for(config, max_steps=100, eval_every=10)
    assert (schedule.selftraining_start, schedule.selftraining_ramp) == (10, 4)
    assert [schedule.selftraining_share(step) for step in (0, 9, 10, 11, 12, 13, 99)] == [0, 0, 0.25, 0.5, 0.75, 1, 1]


def test_without_a_ramp_the_weight_is_whole_from_the_start() -> None:
    schedule = schedule_for(RECIPE, max_steps=REFERENCE_STEPS, eval_every=500)
    assert [schedule.selftraining_share(step) for step in (499, 500)] == [0, 1]


@given(max_steps=st.integers(1, 200_000), eval_every=st.integers(1, 5_000))
def test_shares_are_kept_and_the_last_step_is_evaluated(max_steps: int, eval_every: int) -> None:
    schedule = schedule_for(RECIPE, max_steps=max_steps, eval_every=eval_every)
    assert schedule.warmup_steps <= max_steps
    assert 0 <= schedule.ema_decay < 1
    assert 0 <= schedule.threshold_decay < 1
    steps = [0]
    while steps[-1] < max_steps:
        steps.append(schedule.next_evaluation(steps[-1]))
    assert steps == [*range(0, max_steps, eval_every), max_steps]
