"""Small spaces, and trials that ran in them, for the tests of the samplers."""

import math
from collections.abc import Sequence

from search.history import TrialHistory, TrialJob
from spaces.configuration import TrialConfig
from spaces.parameters import Parameter
from spaces.space import Space, make_space

CONDITIONAL = (
    {"name": "optimizer", "domains": [{"choices": ["sgd", "adamw"]}]},
    {
        "name": "learning_rate",
        "domains": [
            {"low": 1e-4, "high": 2e-2, "log": True, "when": {"optimizer": "sgd"}},
            {"low": 3e-5, "high": 1e-3, "log": True, "when": {"optimizer": "adamw"}},
        ],
    },
    {"name": "dice_weight", "domains": [{"low": 0.0, "high": 0.6}]},
    {"name": "ema_decay", "domains": [{"low": 0.99, "high": 0.9999, "one_minus_log": True}]},
    {"name": "threshold_strategy", "domains": [{"choices": ["classwise", "fixed"], "also": ["off"]}]},
    {
        "name": "threshold_base",
        "domains": [{"low": 0.4, "high": 0.98, "also": [0.0], "when": {"threshold_strategy": {"not": "off"}}}],
    },
    {"name": "selftraining_start", "domains": [{"low": 500, "high": 7500, "log": True, "integer": True}]},
)

FEW_CHOICES = (
    {"name": "heads", "domains": [{"choices": [1, 3, 5]}]},
    {"name": "cutmix", "domains": [{"choices": [True, False]}]},
    {"name": "strong_views", "domains": [{"choices": [1, 2], "when": {"cutmix": True}}]},
)
"""Nine configurations: three of heads, and two with cutmix beside one without."""


def space_of(parameters: Sequence[dict[str, object]], **baseline: object) -> Space:
    """A space of these parameters."""
    point = {"architecture": "unet", "encoder": "mobilenet_v2", **baseline}
    return make_space("small", "an example", point, [Parameter.model_validate(parameter) for parameter in parameters])


def trial_of(
    trial_id: str,
    config: TrialConfig,
    mious: Sequence[float],
    stop_reason: str | None = "completed",
    role: str = "proposed",
) -> TrialHistory:
    """A trial with an evaluation at each step from 1 on."""
    history = TrialHistory(TrialJob(trial_id=trial_id, space="small", phase="search", role=role, seed=0, config=config))
    for step, miou in enumerate(mious, start=1):
        history.add_report(step, {"miou": miou})
    history.stop_reason = stop_reason
    return history


def curve_of(config: TrialConfig, evaluations: int) -> list[float]:
    """A curve whose height falls with the distance from Adam with a large Dice share."""
    height = 0.2 + 0.5 * config.dice_weight + (0.2 if config.optimizer == "adamw" else 0.0)
    return [height * (1 - math.exp(-step / 3)) for step in range(1, evaluations + 1)]
