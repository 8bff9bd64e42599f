"""No dead knobs: every parameter of a configuration changes what is trained."""

from functools import cache
from itertools import combinations
from typing import Any

import pytest
import torch

from spaces.configuration import TrialConfig
from spaces.loading import builtin_space_names, load_space
from spaces.parameters import Domain
from spaces.presets import load_preset
from spaces.schedule import schedule_for
from tests.trainables.small_trial import SmallDataset, small_config, small_data
from trainables.data.trial_data import TrialData
from trainables.training.trainer import Trainer

STEPS = 6
STEPS_OF_REAL_NETWORKS = 2

REAL = {"architecture": "unet", "encoder": "mobilenet_v2", "heads": 1}

VALUES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    # name: (one value, another value, what else the effect needs)
    "architecture": ("unet", "unetplusplus", REAL),
    "encoder": ("mobilenet_v2", "resnet18", REAL),
    "heads": (1, 3, {"head_dropout": 0.0}),
    "head_dropout": (0.0, 0.4, {}),
    "decoder_width": (1.0, 2.0, {}),
    "image_scale": (1.0, 0.5, {}),
    "crop_size": (32, 64, {}),
    "multiscale": (1.0, 2.0, {}),
    "scale_low": (0.5, 1.0, {}),
    "scale_high": (1.0, 2.0, {}),
    "rare_class_share": (0.0, 1.0, {}),
    "batch_size": (2, 3, {}),
    "optimizer": ("sgd", "adamw", {}),
    "learning_rate": (0.02, 0.01, {}),
    "decoder_learning_rate_factor": (10.0, 1.0, {}),
    "momentum": (0.9, 0.5, {"optimizer": "sgd"}),
    "weight_decay": (0.0, 0.1, {}),
    "warmup_steps": (0, 37_500, {}),
    "gradient_clip_norm": (10.0, 0.01, {}),
    # Averages shorter than two steps are not made, so the values are those of a long training.
    "ema_decay": (0.9999, 0.99997, {}),
    "dice_weight": (0.0, 0.4, {}),
    "focal_weight": (0.0, 0.4, {}),
    "focal_gamma": (0.0, 2.0, {"focal_weight": 0.5}),
    "class_weighting": ("inverse", "none", {}),
    "class_weight_cap": (1.0, 10.0, {}),
    "class_weight_factors": ({}, {"Snake Fruit": 3.0}, {}),
    "selftraining_start": (0, 37_500, {}),
    "selftraining_ramp": (0, 37_500, {}),
    "selftraining_weight": (0.5, 2.0, {}),
    "threshold_strategy": ("classwise", "fixed", {"threshold_base": 0.95}),
    "threshold_base": (0.0, 0.95, {}),
    "threshold_background": (0.0, 0.95, {}),
    "threshold_offsets": ({}, {"Snake Fruit": 0.9}, {}),
    # Horizons shorter than two steps are not made, so the values are those of a long training.
    "threshold_decay": (0.9999, 0.99997, {"threshold_strategy": "softmatch"}),
    "threshold_sigmas": (1.0, 4.0, {"threshold_strategy": "softmatch"}),
    "strong_augmentation": (True, False, {}),
    "strong_views": (1, 2, {}),
    "complementary_dropout": (True, False, {"strong_views": 2}),
    "labelled_colour": (True, False, {}),
    "cutmix": (True, False, {}),
}


def train(config: TrialConfig, data: TrialData, max_steps: int | None = None) -> dict[str, torch.Tensor]:
    """Weights after the first steps of a training, by default after all of a very short one."""
    steps = STEPS if config.architecture == "small" else STEPS_OF_REAL_NETWORKS
    trainer = Trainer(config, schedule_for(config, max_steps=max_steps or steps, eval_every=steps), data, seed=0)
    trainer.advance()
    return trainer.model.state_dict()


@cache
def trained_once(config: str, max_steps: int | None) -> dict[str, torch.Tensor]:
    return train(TrialConfig.model_validate_json(config), shared_data(), max_steps)


def trained(*, max_steps: int | None = None, **changes: Any) -> dict[str, torch.Tensor]:
    """Weights of a configuration; many tests compare with the same one."""
    return trained_once(small_config(**changes).model_dump_json(), max_steps)


@cache
def shared_data() -> TrialData:
    return small_data(SmallDataset())


def test_every_parameter_has_values_here() -> None:
    assert VALUES.keys() == TrialConfig.model_fields.keys()


@pytest.mark.usefixtures("small_model")
@pytest.mark.parametrize("name", VALUES)
def test_two_values_train_different_weights(name: str) -> None:
    one, another, needed = VALUES[name]
    first = trained(**{**needed, name: one})
    second = trained(**{**needed, name: another})
    assert first.keys() != second.keys() or any(
        first[key].shape != second[key].shape or not torch.equal(first[key], second[key]) for key in first
    )


def searched() -> list[tuple[str, str, Domain]]:
    """Every domain of every parameter of every built-in space; equal ones of several spaces once."""
    found: dict[tuple[str, str], tuple[str, str, Domain]] = {}
    for space in map(load_space, builtin_space_names()):
        for parameter in space.parameters:
            for domain in parameter.domains:
                found.setdefault((parameter.name, domain.model_dump_json()), (space.name, parameter.name, domain))
    return list(found.values())


@pytest.mark.usefixtures("small_model")
@pytest.mark.parametrize(("space", "name", "domain"), searched())
def test_what_a_space_searches_changes_what_even_the_shortest_search_trains(
    space: str, name: str, domain: Domain
) -> None:
    """Every choice trains differently, and so do the values that lie furthest apart of a range."""
    conditions = {
        other: condition.example(load_space(space).values_of(other)) for other, condition in domain.when.items()
    }
    needed = {**VALUES[name][2], **conditions}
    length = load_preset("demo").max_steps
    outermost = domain.outermost()
    values = outermost if domain.choices else (outermost[0], outermost[-1])
    found = [trained(max_steps=length, **{**needed, name: value}) for value in values]
    for first, second in combinations(found, 2):
        assert first.keys() != second.keys() or any(not torch.equal(first[key], second[key]) for key in first)


@pytest.mark.usefixtures("small_model")
def test_the_same_values_train_the_same_weights() -> None:
    """Without this, a difference above would prove nothing."""
    first, second = (train(small_config(), small_data()) for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)
