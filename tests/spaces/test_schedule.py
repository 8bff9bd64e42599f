from hypothesis import given
from hypothesis import strategies as st

from spaces.configuration import REFERENCE_STEPS, TrialConfig
from spaces.schedule import schedule_for

RECIPE = TrialConfig(architecture="any", encoder="any")


def test_at_full_length_the_recipe_stands_as_it_is() -> None:
    schedule = schedule_for(RECIPE, max_steps=REFERENCE_STEPS, eval_every=500)
    assert (schedule.warmup_steps, schedule.selftraining_start) == (1500, 500)
    assert abs(schedule.ema_decay - 0.9995) < 1e-12
    assert len(schedule.evaluation_steps()) == 150


@given(max_steps=st.integers(1, 200_000), eval_every=st.integers(1, 5_000))
def test_shares_are_kept_and_the_last_step_is_evaluated(max_steps: int, eval_every: int) -> None:
    schedule = schedule_for(RECIPE, max_steps=max_steps, eval_every=eval_every)
    assert schedule.warmup_steps <= max_steps
    assert 0 <= schedule.ema_decay < 1
    steps = schedule.evaluation_steps()
    assert steps[-1] == max_steps
    assert list(steps) == sorted(set(steps))
    walked, step = [], 0
    while step < max_steps:
        step = schedule.next_evaluation(step)
        walked.append(step)
    assert tuple(walked) == steps
