"""A data set of a few small images, and what is trained on it, for tests of the training.

No torch here: the processes that make batches ahead unpickle the data set, and would wait for it.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.configuration import TrialConfig
from spaces.schedule import Schedule
from trainables.data.dataset import IGNORE_INDEX, ClassMapping, ImageRecord, UnreadableImageError
from trainables.data.records import RecordTable
from trainables.data.split import Split
from trainables.data.trial_data import TrialData

CLASSES = ClassMapping(
    names=("ground", "Snake Fruit", "road", "never"),
    colours=((10, 10, 10), (20, 200, 30), (200, 40, 50), (90, 90, 250)),
)
COLOURS = np.array([(60, 50, 40), (40, 160, 50), (180, 170, 160)])


class SmallDataset:
    """Images whose colours tell three of four classes apart; sizes differ; names in `broken` can't be read."""

    classes = CLASSES
    fingerprint = "0123"
    description = "small test images"

    def __init__(self, *, labelled: int = 8, unlabelled: int = 4, broken: tuple[str, ...] = ()) -> None:
        self.broken = broken
        self.reads: list[str] = []
        self.records = RecordTable.from_records(
            ImageRecord(
                name=f"c{i % 2}/p{i // 2}_patch_{i:03}",
                photo=f"c{i % 2}/p{i // 2}",
                capture=f"c{i % 2}",
                image_path=None,
                mask_path=None,
                height=40 + 8 * (i % 3),
                width=48 + 16 * (i % 2),
                labelled=i < labelled,
            )
            for i in range(labelled + unlabelled)
        )

    def _mask(self, record: ImageRecord) -> NDArray[np.uint8]:
        random = np.random.default_rng(int(record.name[-3:]))
        coarse = random.choice(3, size=(8, 8), p=(0.6, 0.3, 0.1))
        rows = np.arange(record.height) * 8 // record.height
        columns = np.arange(record.width) * 8 // record.width
        return coarse[rows[:, None], columns[None, :]].astype(np.uint8)

    def read_image(self, record: ImageRecord) -> NDArray[np.uint8]:
        self.reads.append(record.name)
        if record.name in self.broken:
            raise UnreadableImageError(f"{record.name}: truncated")
        noise = np.random.default_rng(int(record.name[-3:]) + 1000).normal(0, 25, (record.height, record.width, 3))
        return np.clip(COLOURS[self._mask(record)] + noise, 0, 255).astype(np.uint8)

    def read_mask(self, record: ImageRecord) -> NDArray[np.uint8]:
        mask = self._mask(record)
        mask[:2] = IGNORE_INDEX
        return mask

    def class_counts(self, record: ImageRecord) -> NDArray[np.int64]:
        mask = self.read_mask(record)
        return np.bincount(mask[mask != IGNORE_INDEX], minlength=len(CLASSES.names)).astype(np.int64)

    def class_count_table(self, positions: NDArray[np.int32]) -> NDArray[np.int64]:
        counts = [self.class_counts(self.records[int(position)]) for position in positions]
        return np.array(counts, dtype=np.int64).reshape(-1, len(CLASSES.names))


def small_split(dataset: SmallDataset, *, by: str = "photo") -> Split:
    # By the number at the names' ends, so that parts hold images of both captures and of all sizes.
    numbered = sorted(range(len(dataset.records)), key=lambda position: dataset.records[position].name[-3:])
    labelled = [position for position in numbered if dataset.records.labelled[position]]
    return Split(
        by=by,
        train=positions(labelled[:4]),
        validation=positions(labelled[4:6]),
        test=positions(labelled[6:]),
        unlabelled=np.flatnonzero(~dataset.records.labelled).astype(np.int32),
    )


def positions(members: Iterable[int]) -> NDArray[np.int32]:
    """A part of a split."""
    return np.array(sorted(members), dtype=np.int32)


def small_data(dataset: SmallDataset | None = None, **options: Any) -> TrialData:
    dataset = dataset or SmallDataset()
    return TrialData(dataset, small_split(dataset), **options)


def small_schedule(**changes: Any) -> Schedule:
    """A training of ten steps with everything in it."""
    values: dict[str, Any] = {
        "max_steps": 10,
        "eval_every": 4,
        "warmup_steps": 1,
        "selftraining_start": 2,
        "selftraining_ramp": 0,
        "ema_decay": 0.5,
        "threshold_decay": 0.5,
    }
    return Schedule(**(values | changes))


def small_config(**changes: Any) -> TrialConfig:
    """A configuration whose effects show within a few steps."""
    values: dict[str, Any] = {
        "architecture": "small",
        "encoder": "small",
        "crop_size": 32,
        "multiscale": 1.0,
        "batch_size": 2,
        "learning_rate": 0.02,
        "warmup_steps": 0,
        "selftraining_start": 0,
        "threshold_base": 0.0,
        "threshold_offsets": {},
    }
    return TrialConfig.model_validate(values | changes)
