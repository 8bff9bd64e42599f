"""One training of the self-training benchmark: its arms, and its result as a flat record."""

from dataclasses import dataclass
from typing import Any

from benchmarks.few_labels import FewLabelsRun
from spaces.configuration import OFF

SUPERVISED = "supervised only"
RECIPE = "recipe"
TWO_VIEWS = "fixed + two views"

OPTIMISATION: dict[str, Any] = {
    "optimizer": "adamw",
    "learning_rate": 5e-4,
    "decoder_learning_rate_factor": 4.0,
    "ema_decay": 0.9997,
    "multiscale": 1.0,
}
"""The same for every arm: the recipe's own rate learns next to nothing within some hundred steps."""

LATER_START: dict[str, Any] = {
    "selftraining_start": 18_750,
    "selftraining_ramp": 7_500,
    "selftraining_weight": 1.0,
    "cutmix": True,
}
"""The same for every arm but the recipe: self-training from a quarter of the training on, all of it after a third.

A teacher that is asked much earlier, within some hundred steps, has learned too little from few labels to teach."""

THRESHOLDS: dict[str, dict[str, Any]] = {
    "classwise": {"threshold_base": 0.80, "threshold_background": 0.80, "threshold_offsets": {}},
    "fixed": {"threshold_base": 0.95},
}
"""What published work takes where the recipe's thresholds are lower; strategies that learn theirs need nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run(FewLabelsRun):
    """One training of an arm.

    Attributes:
        arm: What is compared.
        device: As torch names it.
    """

    arm: str
    device: str


def arms(strategies: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """What each arm changes of the recipe, by its name.

    Args:
        strategies: The registered threshold strategies; each but `off` gets an arm.
    """
    learned = {
        name: {"threshold_strategy": name, **THRESHOLDS.get(name, {}), **LATER_START}
        for name in strategies
        if name != OFF
    }
    return {
        SUPERVISED: {"threshold_strategy": OFF},
        RECIPE: {},
        **learned,
        TWO_VIEWS: {**learned["fixed"], "strong_views": 2, "complementary_dropout": True},
    }


def train(run: Run) -> dict[str, Any]:
    """Train and evaluate one run, with one thread; called in a process of its own.

    Returns:
        Flat record: arm, seed, key; test mIoU of the weights that were best on the validation part and of the last
        ones; validation mIoU of each evaluation; share of trusted pixels at the end; seconds. `error` instead of the
        scores where the training diverged.
    """
    from trainables.training.divergence import DivergedError

    trainer = run.trainer(device=run.device)
    record: dict[str, Any] = {"arm": run.arm, "seed": run.seed, "key": run.key}
    curve = []
    try:
        while not trainer.finished:
            metrics = trainer.advance()
            curve.append(round(metrics["miou"], 5))
        best, last = (trainer.evaluate("test", best=best).miou for best in (True, False))
    except DivergedError as error:
        return {**record, "error": str(error)}
    return {
        **record,
        "test_miou_of_best": best,
        "test_miou_of_last": last,
        "validation_mious": curve,
        "mask_ratio": metrics["mask_ratio"],
        "train_seconds": metrics["train_seconds"],
    }
