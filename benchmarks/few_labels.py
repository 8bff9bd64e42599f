"""Trainings on data of which a few photos keep their labels: their options, their data, their trainer, their key."""

import argparse
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from spaces.option_types import positive
from spaces.schedule import schedule_for
from trainables.data.dataset import Dataset
from trainables.data.opening import DataSource
from trainables.data.source_options import add_data_options, data_source
from trainables.data.split import Split

if TYPE_CHECKING:
    from trainables.models.encoder_weights import EncoderWeights
    from trainables.training.trainer import Trainer

SPLIT_SEED = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class FewLabelsRun:
    """One training, as it is sent to a process.

    Attributes:
        config: What is trained.
        seed: Of initial weights, order of images and augmentation.
        steps: Optimiser steps.
        eval_every: Steps between evaluations on the validation part.
        source: The data.
        split: Which images are labelled, unlabelled, and evaluated.
        encoder_weights: Where the encoder starts, as `--encoder-weights` says it.
        key: Identifies the training: all that its result depends on, the data included.
    """

    config: TrialConfig
    seed: int
    steps: int
    eval_every: int
    source: DataSource
    split: Split
    encoder_weights: str
    key: str

    def trainer(self, *, device: str = "cpu", validation_windows: int | None = None) -> "Trainer":
        """Its trainer, which computes with one thread and in the layout recommended for the device.

        Args:
            device: As torch names it.
            validation_windows: Windows of the validation part that are evaluated, at most; None: all.
        """
        import torch

        from trainables.compute.precision import recommended_layout
        from trainables.data.trial_data import TrialData
        from trainables.models.encoder_weights import load_encoder_states, parse_encoder_weights
        from trainables.training.trainer import Trainer

        torch.set_num_threads(1)
        encoder = self.config.encoder
        states = load_encoder_states(parse_encoder_weights(self.encoder_weights), [encoder])
        return Trainer(
            self.config,
            schedule_for(self.config, max_steps=self.steps, eval_every=self.eval_every),
            TrialData(self.source.open(), self.split, validation_windows=validation_windows),
            seed=self.seed,
            encoder_state=states.get(encoder),
            device=device,
            layout=recommended_layout(torch.device(device).type),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class FewLabels:
    """The data of all runs of a benchmark, and where their encoders start.

    Attributes:
        source: The data as they are opened.
        dataset: The data.
        split: Which images are labelled, unlabelled, and evaluated.
        photos: Names of the photos that keep their labels.
        weights: Where encoders start.
    """

    source: DataSource
    dataset: Dataset
    split: Split
    photos: tuple[str, ...]
    weights: "EncoderWeights"

    def circumstances(self) -> dict[str, Any]:
        """What results depend on beside configurations and sizes, for `run_key`."""
        return {
            "data": self.dataset.fingerprint,
            "parts": [getattr(self.split, part).tolist() for part in ("train", "validation", "test", "unlabelled")],
            "encoder_weights": self.weights.content_hashes() or self.weights.source,
        }


def add_few_labels_options(parser: argparse.ArgumentParser, *, labelled_photos: int, steps: int) -> None:
    """Add what is trained on what, how long and at which sizes.

    Args:
        parser: Where to.
        labelled_photos: Default of `--labelled-photos`.
        steps: Default of `--steps`.
    """
    add_data_options(parser)
    parser.add_argument("--space", default="unet", help="built-in space, or the YAML file of one")
    parser.add_argument(
        "--labelled-photos", type=positive, default=labelled_photos, metavar="N", help="photos that keep labels"
    )
    parser.add_argument("--steps", type=positive, default=steps, metavar="N", help="optimiser steps of each training")
    parser.add_argument("--processes", type=positive, default=2, metavar="N", help="trainings at once, one thread each")
    parser.add_argument("--batch-size", type=positive, default=8, metavar="N", help="labelled crops per step")
    parser.add_argument("--crop-size", type=positive, default=64, metavar="PX", help="side of a crop, a multiple of 32")
    parser.add_argument("--image-scale", type=float, default=0.25, metavar="X", help="images are resized by this")


def few_labels(options: argparse.Namespace) -> FewLabels:
    """Open the data that options name and take most of their labels away.

    Raises:
        InputError: The data are no data, or have too few photos.
    """
    from trainables.data.split import split_dataset
    from trainables.models.encoder_weights import parse_encoder_weights

    source = data_source(options)
    dataset = source.open()
    whole = split_dataset(dataset, by=options.split_by or "auto", seed=SPLIT_SEED)
    split, photos = with_few_labels(dataset, whole, options.labelled_photos)
    weights = parse_encoder_weights(options.encoder_weights or ("imagenet" if options.data else "none"))
    return FewLabels(source=source, dataset=dataset, split=split, photos=photos, weights=weights)


def chosen_sizes(options: argparse.Namespace) -> dict[str, Any]:
    """The configuration values that the options set."""
    return {"batch_size": options.batch_size, "crop_size": options.crop_size, "image_scale": options.image_scale}


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
