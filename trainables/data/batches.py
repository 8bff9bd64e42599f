"""The images of one training step, prepared on the CPU."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from trainables.data.augmentation import StrongView
from trainables.data.dataset import IGNORE_INDEX, ImageRecord, UnreadableImageError
from trainables.data.sampling import (
    DrawOrder,
    Stream,
    crop_size_at,
    crop_units,
    cut_crop,
    draw_crop,
    random_stream,
    stream_seed,
)
from trainables.data.trial_data import TrialData

MOST_REPLACEMENTS = 1000
"""Unreadable images in a row before the pool counts as broken."""


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """Crops with masks.

    Attributes:
        images: (B, S, S, 3), uint8, RGB.
        masks: (B, S, S), uint8 class indices, `IGNORE_INDEX` where a pixel has none.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class UnlabelledImages:
    """Crops without masks, each in two views of one geometry.

    Attributes:
        weak: (B, S, S, 3), uint8, RGB: what the teacher labels.
        strong: (B, S, S, 3), uint8, RGB: what the student learns.
        valid: (B, S, S), bool: False for padding.
        unreadable: Names of images that could not be read and were replaced.
    """

    weak: NDArray[np.uint8]
    strong: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    unreadable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step learns from; `unlabelled` is None before self-training and where there is none."""

    labelled: LabelledImages
    unlabelled: UnlabelledImages | None


class BatchSource:
    """Prepares the batch of any step; every batch is a pure function of (data, configuration, seed, step)."""

    def __init__(self, config: TrialConfig, data: TrialData, *, seed: int, unlabelled_from: int | None) -> None:
        """Take a configuration and its data.

        Args:
            config: The trial's configuration.
            data: Its data.
            seed: The trial's seed.
            unlabelled_from: First step whose batch has unlabelled images; None for never.
        """
        self._config = config
        self._data = data
        self._seed = seed
        self._unlabelled_from = unlabelled_from
        self._strong_view = StrongView()
        self._labelled = data.records("train")
        self._labelled_order = DrawOrder(crop_units(self._labelled, config), seed, Stream.LABELLED_ORDER)
        self._unlabelled: Sequence[ImageRecord] = ()
        if unlabelled_from is not None:
            self._unlabelled = data.records("unlabelled")
            units = crop_units(self._unlabelled, config)
            self._unlabelled_order = DrawOrder(units, seed, Stream.UNLABELLED_ORDER)

    def batch(self, step: int) -> Batch:
        """The batch of a step, counted from 0.

        Raises:
            UnreadableImageError: If a labelled image can't be decoded.
            InputError: If unlabelled images can't be decoded and no others can take their place.
        """
        size = crop_size_at(self._config, self._seed, step)
        labelled = self._labelled_images(step, size)
        if self._unlabelled_from is None or step < self._unlabelled_from:
            return Batch(labelled, None)
        return Batch(labelled, self._unlabelled_images(step, size))

    def _labelled_images(self, step: int, size: int) -> LabelledImages:
        images, masks = [], []
        for slot in range(self._config.batch_size):
            position = step * self._config.batch_size + slot
            record = self._labelled[self._labelled_order.image_at(position)]
            image = self._data.image(record, self._config.image_scale)
            mask = self._data.mask(record, self._config.image_scale)
            random = random_stream(self._seed, Stream.LABELLED_CROP, step, slot)
            crop = draw_crop(random, image.shape[0], image.shape[1], self._config, size)
            image, mask = cut_crop(image, mask, crop)
            if self._config.labelled_colour:
                image = self._strong_view(image, stream_seed(self._seed, Stream.LABELLED_COLOUR, step, slot))
            images.append(image)
            masks.append(mask)
        return LabelledImages(np.stack(images), np.stack(masks))

    def _unlabelled_images(self, step: int, size: int) -> UnlabelledImages:
        weak, strong, valid, unreadable = [], [], [], []
        for slot in range(self._config.batch_size):
            image, broken = self._readable_image(step, slot)
            unreadable += broken
            random = random_stream(self._seed, Stream.UNLABELLED_CROP, step, slot)
            crop = draw_crop(random, image.shape[0], image.shape[1], self._config, size)
            view, mask = cut_crop(image, None, crop)
            weak.append(view)
            valid.append(mask != IGNORE_INDEX)
            if self._config.strong_augmentation:
                view = self._strong_view(view, stream_seed(self._seed, Stream.STRONG_VIEW, step, slot))
            strong.append(view)
        return UnlabelledImages(np.stack(weak), np.stack(strong), np.stack(valid), tuple(unreadable))

    def _readable_image(self, step: int, slot: int) -> tuple[NDArray[np.uint8], list[str]]:
        index = self._unlabelled_order.image_at(step * self._config.batch_size + slot)
        random = random_stream(self._seed, Stream.REPLACEMENT, step, slot)
        broken: list[str] = []
        while True:
            record = self._unlabelled[index]
            try:
                return self._data.image(record, self._config.image_scale), broken
            except UnreadableImageError as error:
                broken.append(record.name)
                if len(broken) >= MOST_REPLACEMENTS:
                    raise InputError(
                        f"{len(broken)} unlabelled images in a row can't be read, the last one: {error}; "
                        "repair or remove them"
                    ) from error
            index = int(random.integers(len(self._unlabelled)))


@contextmanager
def prepared_batches(source: Callable[[int], Batch], steps: range, *, workers: int) -> Iterator[Iterator[Batch]]:
    """The batches of some steps in order, made ahead by threads where there are any.

    A batch depends on its step alone, so the number of threads changes nothing but the speed.

    Args:
        source: Makes the batch of a step.
        steps: The steps.
        workers: Threads; 0 makes each batch when it is asked for.
    """
    if workers == 0:
        yield map(source, steps)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="batches") as pool:
        ahead: list[Future[Batch]] = [pool.submit(source, step) for step in steps[: 2 * workers]]

        def in_order() -> Iterator[Batch]:
            for step in steps:
                future = ahead.pop(0)
                following = step + 2 * workers
                if following in steps:
                    ahead.append(pool.submit(source, following))
                yield future.result()

        try:
            yield in_order()
        finally:
            for future in ahead:
                future.cancel()
