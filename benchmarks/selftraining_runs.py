"""One training of the self-training benchmark: its arms, its few labels, and its result as a flat record."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.configuration import OFF, TrialConfig
from spaces.errors import InputError
from spaces.schedule import schedule_for
from trainables.data.dataset import Dataset
from trainables.data.opening import DataSource
from trainables.data.split import Split

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
class Run:
    """One training, as it is sent to a process.

    Attributes:
        arm: What is compared.
        config: Its configuration.
        seed: Of initial weights, order of images and augmentation.
        steps: Optimiser steps.
        eval_every: Steps between evaluations on the validation part.
        source: The data.
        split: Which images are labelled, unlabelled, and evaluated.
        encoder_weights: Where the encoder starts, as `--encoder-weights` says it.
        device: As torch names it.
        key: Identifies everything above, and the data.
    """

    arm: str
    config: TrialConfig
    seed: int
    steps: int
    eval_every: int
    source: DataSource
    split: Split
    encoder_weights: str
    device: str
    key: str


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


def with_few_labels(dataset: Dataset, split: Split, photos: int) -> tuple[Split, tuple[str, ...]]:
    """Keep the labels of a few training photos and take those of the others away.

    One by one a photo is added from one of the captures that gave the fewest so far: the one that raises the sum over
    classes of sqrt(share of the class) most, shares being those of each photo's own labelled pixels, relative to the
    mean photo's. The first pixels of a class raise it steeply, so all classes come in as early as the photos let them,
    and large photos count no more than small ones.

    Args:
        dataset: The data.
        split: Their split; the test and validation parts stay.
        photos: How many training photos stay labelled.

    Returns:
        The split, in which the other training images are unlabelled ones, and the names of the labelled photos.

    Raises:
        InputError: If the training part has too few photos to leave any unlabelled.
    """
    records = dataset.records.take(split.train)
    names = np.array([record.photo for record in records])
    units, first, unit_of = np.unique(names, return_index=True, return_inverse=True)
    if photos >= len(units):
        raise InputError(f"--labelled-photos {photos}: the training part has {len(units)} photos; give fewer")
    captures = records.capture_codes[first]
    counts = np.zeros((len(units), len(dataset.classes.names)))
    np.add.at(counts, unit_of, dataset.class_count_table(split.train))
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    shares /= np.maximum(1e-12, shares.mean(axis=0))
    chosen: list[int] = []
    for _ in range(photos):
        given = np.bincount(captures[chosen], minlength=captures.max() + 1)[captures]
        free = ~np.isin(np.arange(len(units)), chosen)
        gains = np.sqrt(shares[chosen].sum(axis=0) + shares).sum(axis=1)
        gains[~free | (given > given[free].min())] = -1.0
        chosen.append(int(gains.argmax()))
    labelled: NDArray[np.bool_] = np.isin(unit_of, chosen)
    others = np.union1d(split.unlabelled, split.train[~labelled]).astype(np.int32)
    return replace(split, train=split.train[labelled], unlabelled=others), tuple(map(str, units[sorted(chosen)]))


def run_key(config: TrialConfig, circumstances: Mapping[str, Any]) -> str:
    """A short hash of everything that a run's result depends on."""
    content = json.dumps({"config": config.model_dump(), **circumstances}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def train(run: Run) -> dict[str, Any]:
    """Train and evaluate one run, with one thread; called in a process of its own.

    Returns:
        Flat record: arm, seed, key; test mIoU of the weights that were best on the validation part and of the last
        ones; validation mIoU of each evaluation; share of trusted pixels at the end; seconds. `error` instead of the
        scores where the training diverged.
    """
    import torch

    from trainables.compute.precision import recommended_layout
    from trainables.data.trial_data import TrialData
    from trainables.models.encoder_weights import load_encoder_states, parse_encoder_weights
    from trainables.training.divergence import DivergedError
    from trainables.training.trainer import Trainer

    torch.set_num_threads(1)
    encoder = run.config.encoder
    states = load_encoder_states(parse_encoder_weights(run.encoder_weights), [encoder])
    trainer = Trainer(
        run.config,
        schedule_for(run.config, max_steps=run.steps, eval_every=run.eval_every),
        TrialData(run.source.open(), run.split),
        seed=run.seed,
        encoder_state=states.get(encoder),
        device=run.device,
        layout=recommended_layout(torch.device(run.device).type),
    )
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
