"""The images of one training step, prepared on the CPU."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from trainables.data.augmentation import StrongView
from trainables.data.dataset import IGNORE_INDEX, UnreadableImageError
from trainables.data.rare_classes import RareClasses
from trainables.data.sampling import (
    Crop,
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

    images: Tensor
    masks: Tensor

    def pin_memory(self) -> "LabelledImages":
        """The same in page-locked memory, from which a GPU copies while it computes."""
        return LabelledImages(self.images.pin_memory(), self.masks.pin_memory())


@dataclass(frozen=True, slots=True)
class UnlabelledImages:
    """Crops without masks, in views of one geometry.

    Attributes:
        weak: (B, S, S, 3), uint8, RGB: what the teacher labels.
        strong: (V, B, S, S, 3), uint8, RGB: what the student learns, `TrialConfig.strong_views` times.
        valid: (B, S, S), bool: False for padding.
        unreadable: Names of images that could not be read and were replaced.
    """

    weak: Tensor
    strong: Tensor
    valid: Tensor
    unreadable: tuple[str, ...]

    def pin_memory(self) -> "UnlabelledImages":
        """The same in page-locked memory."""
        return UnlabelledImages(
            self.weak.pin_memory(), self.strong.pin_memory(), self.valid.pin_memory(), self.unreadable
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step learns from; `unlabelled` is None before self-training and where there is none."""

    labelled: LabelledImages
    unlabelled: UnlabelledImages | None

    def pin_memory(self) -> "Batch":
        """The same in page-locked memory."""
        return Batch(self.labelled.pin_memory(), None if self.unlabelled is None else self.unlabelled.pin_memory())


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
        self._rare_classes = RareClasses(data.train_class_counts, config.rare_class_share)
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
            image, mask, crop = self._labelled_crop(step, slot, size)
            image, mask = cut_crop(image, mask, crop)
            if self._config.labelled_colour:
                image = self._strong_view(image, stream_seed(self._seed, Stream.LABELLED_COLOUR, step, slot))
            images.append(image)
            masks.append(mask)
        return LabelledImages(_stacked(images), _stacked(masks))

    def _labelled_crop(self, step: int, slot: int, size: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Crop]:
        """A training image, its mask and the window of them that a slot of the batch gets."""
        rare = self._rare_classes.draw(random_stream(self._seed, Stream.RARE_CLASS, step, slot))
        place = step * self._config.batch_size + slot
        record = self._labelled[self._labelled_order.image_at(place) if rare is None else rare.image]
        image = self._data.image(record, self._config.image_scale)
        mask = self._data.mask(record, self._config.image_scale)
        around = None if rare is None else rare.pixel_in(mask)
        random = random_stream(self._seed, Stream.LABELLED_CROP, step, slot)
        return image, mask, draw_crop(random, image.shape[0], image.shape[1], self._config, size, around=around)

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
            strong.append([self._student_view(view, step, slot, number) for number in range(self._config.strong_views)])
        return UnlabelledImages(
            _stacked(weak),
            torch.stack([_stacked(list(views)) for views in zip(*strong, strict=True)]),
            _stacked(valid),
            tuple(unreadable),
        )

    def _student_view(self, weak: NDArray[np.uint8], step: int, slot: int, number: int) -> NDArray[np.uint8]:
        if not self._config.strong_augmentation:
            return weak
        # The first view is the same whether there are others or not.
        place = (step, slot, number) if number else (step, slot)
        return self._strong_view(weak, stream_seed(self._seed, Stream.STRONG_VIEW, *place))

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


def _stacked(arrays: list[NDArray[np.uint8]] | list[NDArray[np.bool_]]) -> Tensor:
    return torch.from_numpy(np.stack(arrays))
