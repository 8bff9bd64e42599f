import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from spaces.errors import InputError
from tests.trainables.data.test_batches import same
from tests.trainables.small_trial import SmallDataset, small_config, small_data
from trainables.data.batches import Batch, BatchSource
from trainables.data.dataset import ImageRecord, UnreadableImageError
from trainables.data.loader import BatchLoader, BatchTask, BatchWorkerError


class KillingDataset(SmallDataset):
    """Reading an image ends the process if it is not the test's own, as long as a file exists."""

    def __init__(self, flag: Path) -> None:
        super().__init__()
        self.flag = flag
        self.home = os.getpid()

    def read_image(self, record: ImageRecord) -> NDArray[np.uint8]:
        if self.flag.exists() and os.getpid() != self.home:
            os._exit(9)
        return super().read_image(record)


class CountingDataset(SmallDataset):
    """Leaves a file for each image that was read in a worker."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.home = os.getpid()

    def read_image(self, record: ImageRecord) -> NDArray[np.uint8]:
        if os.getpid() != self.home:
            (self.folder / uuid4().hex).touch()
        return super().read_image(record)


class ProcessDataset(SmallDataset):
    """Every pixel is the reading process's id and its number of OpenCV threads, in three bytes."""

    def read_image(self, record: ImageRecord) -> NDArray[np.uint8]:
        colour = (*os.getpid().to_bytes(4, "little")[:2], cv2.getNumThreads())
        return np.full((record.height, record.width, 3), colour, np.uint8)


def task(seed: int = 0, **changes: Any) -> BatchTask:
    return BatchTask(small_config(batch_size=4, multiscale=2.0, **changes), seed, unlabelled_from=2)


def expected(data: Any, task: BatchTask, steps: range) -> list[Batch]:
    source = BatchSource(task.config, data, seed=task.seed, unlabelled_from=task.unlabelled_from)
    return [source.batch(step) for step in steps]


def all_same(first: list[Batch], second: list[Batch]) -> bool:
    return len(first) == len(second) and all(same(a, b) for a, b in zip(first, second, strict=True))


@pytest.fixture
def started() -> Iterator[list[BatchLoader]]:
    """Loaders that are closed when the test is over."""
    loaders: list[BatchLoader] = []
    yield loaders
    for loader in loaders:
        loader.close()


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "prefetch"), [(0, 2), (1, 1), (2, 3)])
def test_workers_change_nothing(workers: int, prefetch: int, started: list[BatchLoader]) -> None:
    """Trial after trial and interval after interval, left early or not, as one process alone makes them."""
    data = small_data()
    loader = BatchLoader(data, workers=workers, prefetch=prefetch)
    started.append(loader)
    one = task(strong_views=2, rare_class_share=0.5)
    other = task(seed=1, labelled_colour=True)
    before = torch.random.get_rng_state()
    for which, steps in ((one, range(1, 6)), (one, range(6, 9)), (other, range(4)), (one, range(9, 11))):
        with loader.batches(which, steps) as batches:
            assert all_same(list(batches), expected(data, which, steps))
    with pytest.raises(KeyError, match="step"), loader.batches(one, range(20, 30)) as batches:
        next(batches)
        raise KeyError("step")
    with loader.batches(other, range(20, 24)) as batches:
        assert all_same(list(batches), expected(data, other, range(20, 24)))
    for steps in (range(3), range(3, 7), range(7, 9), range(4, 6)):
        with loader.batches(one, steps, until=9) as batches:
            assert all_same(list(batches), expected(data, one, steps))
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.slow
def test_workers_make_the_next_steps_while_nobody_asks(tmp_path: Path, started: list[BatchLoader]) -> None:
    data = small_data(CountingDataset(tmp_path))
    loader = BatchLoader(data, workers=1, prefetch=4)
    started.append(loader)
    one = BatchTask(small_config(batch_size=2), 0, unlabelled_from=None)
    with loader.batches(one, range(1), until=20) as batches:
        list(batches)
    # Two crops a step from four images: only later steps read all of them.
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(list(tmp_path.iterdir())) == 4
    with loader.batches(one, range(1, 5), until=20) as batches:
        assert all_same(list(batches), expected(data, one, range(1, 5)))


@pytest.mark.slow
def test_workers_survive_and_keep_to_one_thread(started: list[BatchLoader]) -> None:
    loader = BatchLoader(small_data(ProcessDataset()), workers=2)
    started.append(loader)
    plain = {"scale_low": 1.0, "scale_high": 1.0, "strong_augmentation": False, "crop_size": 32}
    seen = []
    for seed in range(3):
        one = BatchTask(small_config(batch_size=2, **plain), seed, unlabelled_from=None)
        with loader.batches(one, range(6)) as batches:
            seen.append({tuple(pixel) for batch in batches for pixel in batch.labelled.images[:, 16, 16].tolist()})
    assert seen[0] == seen[1] == seen[2]
    assert len(seen[0]) == 2
    assert {threads for *_, threads in seen[0]} == {1}
    assert tuple(os.getpid().to_bytes(4, "little")[:2]) not in {process[:2] for process in seen[0]}


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_errors_in_the_data_stay_one_line_and_leave_the_loader_usable(workers: int, started: list[BatchLoader]) -> None:
    unlabelled = tuple(record.name for record in SmallDataset().records if not record.labelled)
    loader = BatchLoader(small_data(SmallDataset(broken=unlabelled)), workers=workers)
    started.append(loader)
    for _ in range(2):
        with loader.batches(task(), range(2)) as batches:
            assert len(list(batches)) == 2
        with (
            pytest.raises(InputError, match=r"^[^\n]*unlabelled images in a row can't be read[^\n]*$"),
            loader.batches(task(), range(2, 6)) as batches,
        ):
            next(batches)


def test_an_unreadable_labelled_image_is_an_error() -> None:
    labelled = tuple(record.name for record in SmallDataset().records if record.labelled)
    loader = BatchLoader(small_data(SmallDataset(broken=labelled)))
    with pytest.raises(UnreadableImageError, match=r"^c\S+: truncated$"), loader.batches(task(), range(1)) as batches:
        next(batches)


@pytest.mark.slow
def test_a_dead_worker_is_one_clear_error_and_others_follow(tmp_path: Path, started: list[BatchLoader]) -> None:
    data = small_data(KillingDataset(tmp_path / "flag"))
    loader = BatchLoader(data, workers=1)
    started.append(loader)
    (tmp_path / "flag").touch()
    with (
        pytest.raises(BatchWorkerError, match=r"^a worker process [^\n]*ended \(exit code 9\)[^\n]*fewer workers$"),
        loader.batches(task(), range(100)) as batches,
    ):
        next(batches)
    (tmp_path / "flag").unlink()
    with loader.batches(task(), range(3)) as batches:
        assert all_same(list(batches), expected(data, task(), range(3)))


def test_nothing_is_started_before_batches_are_asked_for_and_closing_twice_is_fine() -> None:
    loader = BatchLoader(small_data(), workers=2)
    with loader.batches(task(), range(3)):
        pass
    loader.close()
    loader.close()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="only GPUs copy from page-locked memory")
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_lie_in_page_locked_memory(workers: int, started: list[BatchLoader]) -> None:
    data = small_data()
    loader = BatchLoader(data, workers=workers, pin_memory=True)
    started.append(loader)
    with loader.batches(task(), range(2, 6)) as batches:
        made = list(batches)
    assert all_same(made, expected(data, task(), range(2, 6)))
    for batch in made:
        assert batch.unlabelled is not None
        members = (batch.labelled.images, batch.labelled.masks)
        members += (batch.unlabelled.weak, batch.unlabelled.strong, batch.unlabelled.valid)
        assert all(member.is_pinned() for member in members)
