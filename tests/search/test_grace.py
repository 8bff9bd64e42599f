"""The grace period follows from what a space can propose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.grace import default_grace_steps
from spaces.configuration import REFERENCE_STEPS
from spaces.loading import builtin_space_names, load_space
from spaces.presets import load_preset, preset_names
from spaces.schedule import schedule_for

SPACE = load_space("unet")
LATEST_START = 3_750
BASELINE_HORIZON = 2_000


@given(max_steps=st.integers(1, 200_000), evaluations=st.integers(1, 200))
def test_it_outlasts_what_makes_early_values_noise(max_steps: int, evaluations: int) -> None:
    eval_every = max(1, max_steps // evaluations)
    grace = default_grace_steps(SPACE, max_steps=max_steps, eval_every=eval_every)
    latest = SPACE.baseline.model_copy(update={"selftraining_start": LATEST_START})
    schedule = schedule_for(latest, max_steps=max_steps, eval_every=eval_every)
    settled = max(schedule.warmup_steps, schedule.selftraining_start) + 2 * schedule.ema_horizon
    assert grace == max_steps or (
        grace >= settled - 1e-6 * eval_every and grace >= 4 * eval_every and grace % eval_every == 0
    )


def test_at_full_length_it_is_the_latest_start_and_two_horizons() -> None:
    assert (
        default_grace_steps(SPACE, max_steps=REFERENCE_STEPS, eval_every=500)
        == -(-(LATEST_START + 2 * BASELINE_HORIZON) // 500) * 500
    )


def test_a_ramp_that_outlasts_the_average_counts() -> None:
    held = SPACE.fix({"selftraining_start": 500, "selftraining_ramp": 20_000, "warmup_steps": 0})
    assert default_grace_steps(held, max_steps=REFERENCE_STEPS, eval_every=500) == 500 + 20_000


def test_without_selftraining_its_start_does_not_count() -> None:
    supervised = SPACE.fix({"threshold_strategy": "off", "selftraining_start": 30_000, "selftraining_ramp": 30_000})
    warmup = supervised.baseline.warmup_steps
    assert default_grace_steps(supervised, max_steps=REFERENCE_STEPS, eval_every=500) == warmup + 2 * BASELINE_HORIZON


@pytest.mark.parametrize("name", preset_names())
@pytest.mark.parametrize("space", builtin_space_names())
def test_every_preset_leaves_most_of_a_training_to_be_saved(space: str, name: str) -> None:
    for preset in (load_preset(name), load_preset(name).for_data()):
        grace = default_grace_steps(load_space(space), max_steps=preset.max_steps, eval_every=preset.eval_every)
        assert grace <= 0.4 * preset.max_steps
