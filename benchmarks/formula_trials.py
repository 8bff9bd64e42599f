"""Searches whose trials train nothing: their scores follow a formula, so that only the harness itself takes time."""

import math
from pathlib import Path

import numpy as np

from search.options import make_parser
from search.planning import plan_search
from search.settings import SearchSettings
from spaces.configuration import TrialConfig
from trainables.compute.layout_settings import LayoutSettings
from trainables.compute.machines import this_machine

EVALUATIONS = 27
"""Evaluations of a full trial."""

EVAL_EVERY = 8
"""Steps between them."""

NOISE = 0.01
"""Standard deviation of a score between evaluations."""

_OTHER_METRICS = (
    *(f"iou_{index}_class_{index}" for index in range(7)),
    *(f"pseudo_share_{index}_class_{index}" for index in range(7)),
    *("boundary_miou", "calibration_error", "loss_supervised", "loss_selftraining", "mask_ratio", "learning_rate"),
    *("steps_per_second", "images_seen", "unreadable_images", "train_seconds", "data_wait_seconds"),
)
"""As many as a real evaluation reports, so that journal and MLflow have as much to write."""


def formula_settings(
    trials: int, runs: Path, name: str, *, space: str = "unet", workers: int | None = None
) -> SearchSettings:
    """Settings of a search without training, as the command line would plan it.

    Args:
        trials: Trials of the space.
        runs: Folder of the search's folder, the database and the checkpoints.
        name: Name of the search.
        space: A built-in space.
        workers: Trials at once; None for as many as this machine's cores take.
    """
    words = ["--space", space, "--preset", "demo", "--trials", str(trials), "--finalist-seeds", "0"]
    words += ["--max-steps", str(EVALUATIONS * EVAL_EVERY), "--eval-every", str(EVAL_EVERY)]
    words += ["--runs", str(runs), "--name", name]
    settings = plan_search(make_parser().parse_args(words), this_machine()).settings
    layout = LayoutSettings(
        precision="float32", channels_last=False, compiled=False, reason="nothing is computed", measured=()
    )
    device = settings.device if workers is None else settings.device.model_copy(update={"concurrent_trials": workers})
    return settings.model_copy(update={"layouts": {space: layout}, "device": device})


BEST_END = 0.7
"""Score at the end of the best configuration that there could be."""


def formula_end(config: TrialConfig) -> float:
    """The score that a configuration comes to, without noise."""
    distance = math.log10(config.learning_rate / 3e-3)
    return BEST_END * math.exp(-0.5 * distance**2) * (1 - 0.2 * abs(config.dice_weight - 0.3))


def formula_metrics(config: TrialConfig, seed: int, step: int, max_steps: int) -> dict[str, float]:
    """Metrics of an evaluation: the score rises to an end that the configuration decides, with some noise.

    Args:
        config: What would be trained.
        seed: Varies the noise.
        step: Optimiser steps so far.
        max_steps: Those of a full training.
    """
    end = formula_end(config)
    rise = 1 - math.exp(-4 * step / max_steps)
    noise, *others = np.random.default_rng((seed, step, round(config.learning_rate * 1e9))).normal(
        size=1 + len(_OTHER_METRICS)
    )
    score = min(1.0, max(0.0, end * rise + NOISE * float(noise)))
    metrics = {name: abs(float(value)) for name, value in zip(_OTHER_METRICS, others, strict=True)}
    return {"step": step, "miou": score, "best_miou": score, **metrics, "evaluation_seconds": 0.1 * step}
