"""Batches made ahead by worker processes, which serve one trial after another."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from torch.utils.data import DataLoader, Dataset, Sampler

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from trainables.data.batches import Batch, BatchSource
from trainables.data.dataset import UnreadableImageError
from trainables.data.trial_data import TrialData


class BatchWorkerError(RuntimeError):
    """A worker process ended without being asked to; its message is one line."""


@dataclass(frozen=True, slots=True)
class BatchTask:
    """What decides a trial's batches, the data apart.

    Attributes:
        config: The trial's configuration.
        seed: The trial's seed.
        unlabelled_from: First step whose batch has unlabelled images; None for never.
    """

    config: TrialConfig
    seed: int
    unlabelled_from: int | None


class BatchLoader:
    """Makes the batches of one trial after another.

    A batch is a pure function of data, task and step, so that neither the number of workers nor what they made before
    changes anything but the speed. Worker processes are started with the first batches that are asked for and stay
    until the loader is closed.
    """

    def __init__(self, data: TrialData, *, workers: int = 0, pin_memory: bool = False, prefetch: int = 2) -> None:
        """Take the data of all trials.

        Args:
            data: The data; each worker gets a copy, which shares the decoded images if it has a shared cache.
            workers: Processes that make batches ahead; 0 makes each batch here when it is asked for.
            pin_memory: Put batches in page-locked memory, from which a GPU copies while it computes.
            prefetch: Batches that each worker is ahead.
        """
        self._batches_of = _BatchesOfTasks(data)
        self._workers = workers
        self._pin_memory = pin_memory
        self._prefetch = prefetch
        self._order = _Order()
        self._loader: DataLoader[Any] | None = None
        self._ahead: _Ahead | None = None

    @contextmanager
    def batches(self, task: BatchTask, steps: range, *, until: int | None = None) -> Iterator[Iterator[Batch]]:
        """The batches of some steps, in order.

        May be left at any batch, by an error too. Batches made in vain are dropped when others are asked for.

        Args:
            task: Whose batches.
            steps: Which ones, one after another.
            until: End of the steps that will be asked for next: workers go on with them in the meantime, so that a
                training finds its batches ready after each evaluation. By default the end of `steps`.

        Raises:
            UnreadableImageError: If a labelled image can't be decoded.
            InputError: If unlabelled images can't be decoded and no others can take their place.
            BatchWorkerError: If a worker process ended; the next call starts others.
        """
        if self._workers == 0:
            yield self._made_here(task, steps)
        else:
            yield self._made_by_workers(task, steps, max(steps.stop, until or 0))

    def close(self) -> None:
        """End the worker processes; the loader may be used again."""
        self._ahead = None
        if self._loader is not None:
            iterator, self._loader = self._loader._iterator, None
            if iterator is not None:
                iterator._shutdown_workers()  # type: ignore[attr-defined]  # torch has no public way

    def _made_here(self, task: BatchTask, steps: range) -> Iterator[Batch]:
        for step in steps:
            batch = _batch_or_raise(self._batches_of[task, step])
            yield batch.pin_memory() if self._pin_memory else batch

    def _made_by_workers(self, task: BatchTask, steps: range, until: int) -> Iterator[Batch]:
        for step in steps:
            try:
                made = next(self._going_on(task, step, until).batches)
            except RuntimeError as error:
                dead = self._dead_workers()
                if not dead:
                    raise
                self.close()
                raise BatchWorkerError(
                    f"a worker process that prepares batches ended ({', '.join(dead)}); if it ran out of memory, "
                    "use fewer workers"
                ) from error
            yield _batch_or_raise(made)

    def _going_on(self, task: BatchTask, step: int, until: int) -> "_Ahead":
        """What the workers are making, if this step comes next in it; else they begin anew with this step."""
        if self._ahead is None or (self._ahead.task, self._ahead.step) != (task, step) or step >= self._ahead.until:
            self._order.task, self._order.steps = task, range(step, until)
            if self._loader is None:
                self._loader = self._started()
            self._ahead = _Ahead(task, step, until, iter(self._loader))
        self._ahead.step += 1
        return self._ahead

    def _started(self) -> DataLoader[Any]:
        import torch

        return DataLoader(
            self._batches_of,
            batch_size=None,
            sampler=self._order,
            num_workers=self._workers,
            prefetch_factor=self._prefetch,
            persistent_workers=True,
            pin_memory=self._pin_memory,
            multiprocessing_context="spawn",
            worker_init_fn=_prepare_worker,
            # Its own, or the loader would draw a number from the generator that dropout uses.
            generator=torch.Generator(),
        )

    def _dead_workers(self) -> list[str]:
        iterator = None if self._loader is None else self._loader._iterator
        workers = [] if iterator is None else iterator._workers  # type: ignore[attr-defined]
        return [f"exit code {worker.exitcode}" for worker in workers if not worker.is_alive()]


_Index = tuple[BatchTask, int]


@dataclass(slots=True)
class _Ahead:
    """Batches that workers are making.

    Attributes:
        task: Whose.
        step: That of the next one to be taken.
        until: End of the steps.
        batches: Gives them in order.
    """

    task: BatchTask
    step: int
    until: int
    batches: Iterator[Any]


class _Order(Sampler[Any]):
    """What a loader is to make next; set before each pass through it."""

    def __init__(self) -> None:
        self.task: BatchTask | None = None
        self.steps = range(0)

    def __iter__(self) -> Iterator[Any]:
        return ((self.task, step) for step in self.steps)

    def __len__(self) -> int:
        return len(self.steps)


class _BatchesOfTasks(Dataset[Any]):
    """Batches by task and step; the source of the latest task is kept."""

    def __init__(self, data: TrialData) -> None:
        self._data = data
        self._latest: tuple[BatchTask, BatchSource] | None = None

    def __getitem__(self, index: _Index) -> Batch | InputError | UnreadableImageError:
        task, step = index
        if self._latest is None or self._latest[0] != task:
            source = BatchSource(task.config, self._data, seed=task.seed, unlabelled_from=task.unlabelled_from)
            self._latest = (task, source)
        try:
            return self._latest[1].batch(step)
        except (InputError, UnreadableImageError) as error:
            # Returned, since torch would put the worker's traceback into the message, which is one line for people.
            return error

    def __getstate__(self) -> dict[str, Any]:
        return {"_data": self._data, "_latest": None}


def _batch_or_raise(made: Batch | InputError | UnreadableImageError) -> Batch:
    if isinstance(made, Exception):
        raise made
    return made


def _prepare_worker(worker: int) -> None:
    """Keep a worker from spreading over the cores of the training, and from complaining that nobody wants its batch.

    Torch limits its own threads by itself. A training that is interrupted while it fetches a batch hangs up on the
    thread that hands it over, which would print a traceback beside the one line that people are told.
    """
    import cv2

    cv2.setNumThreads(1)
    told = sys.excepthook

    def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not isinstance(error, ConnectionError | EOFError):
            told(kind, error, trace)

    sys.excepthook = tell
