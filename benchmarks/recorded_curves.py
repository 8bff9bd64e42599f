"""Learning curves of real trainings, as `benchmarks.record_curves` left them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spaces.conditions import Scalar
from spaces.errors import InputError

CURVES_FILE = Path(__file__).parent / "curves" / "unet-dubai.jsonl"
"""Curves that come with the project: the UNet on the dubai images at small size."""


@dataclass(frozen=True, slots=True)
class RecordedCurves:
    """Curves of one space.

    Attributes:
        mious: Foreground mIoU, one row per configuration and one column per evaluation; NaN from where it diverged.
        seconds: Training time from one evaluation to the next, by configuration.
        drawn: What a sampler would have had to draw to propose each configuration, by name.
        steps: Optimiser steps of a full training.
        eval_every: Steps between evaluations.
    """

    mious: NDArray[np.float64]
    seconds: NDArray[np.float64]
    drawn: tuple[Mapping[str, Scalar], ...]
    steps: int
    eval_every: int

    @property
    def count(self) -> int:
        """Number of curves."""
        return len(self.drawn)


def read_recorded_curves(path: Path) -> RecordedCurves:
    """Read the curves of a file, in the order of their configurations' numbers.

    Raises:
        InputError: If the file is not there, holds no curves, or curves of different lengths.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        raise InputError(f"{path}: no such file; benchmarks.record_curves writes one") from None
    try:
        records = sorted((json.loads(line) for line in lines if line.strip()), key=lambda record: record["number"])
        lengths = {(record["steps"], record["eval_every"]) for record in records}
        if len(lengths) != 1:
            raise InputError(f"{path}: holds curves of {len(lengths)} lengths; one file holds curves of one")
        steps, eval_every = lengths.pop()
        mious = np.full((len(records), -(-steps // eval_every)), np.nan)
        for row, record in enumerate(records):
            mious[row, : len(record["mious"])] = record["mious"]
        return RecordedCurves(
            mious=mious,
            seconds=np.array([record["train_seconds"] / max(1, len(record["mious"])) for record in records]),
            drawn=tuple(record["drawn"] for record in records),
            steps=steps,
            eval_every=eval_every,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not what benchmarks.record_curves writes ({error!r})") from None
