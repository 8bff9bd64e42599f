"""The data of trials: a data set and its split, with decoded images shared by the trials of a process."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spaces.errors import InputError
from trainables.data.dataset import ClassMapping, Dataset, ImageRecord
from trainables.data.image_cache import ImageCache
from trainables.data.sampling import resize_image, resize_mask, scaled_size
from trainables.data.split import Split
from trainables.data.validation_cells import Cell, spread_cells

VALIDATION_WINDOW_SIZE = 256
"""Side in px of a validation window, in the image's own pixels."""


class TrialData:
    """What trials learn from and are judged by; one object serves all trials of a process in turn.

    Attributes:
        dataset: The data set.
        split: Which images are for training, validation and test.
        classes: The data set's classes.
    """

    def __init__(
        self,
        dataset: Dataset,
        split: Split,
        *,
        cache_bytes: int = 1 << 30,
        validation_windows: int | None = None,
        validation_window_size: int = VALIDATION_WINDOW_SIZE,
    ) -> None:
        """Take a data set and its split.

        Args:
            dataset: The data set.
            split: Names of the images of each part.
            cache_bytes: Memory for decoded images.
            validation_windows: Evaluate at most this many windows of the validation part, spread evenly over
                it and the same for every trial; None for all of it. The test part is always evaluated in
                full.
            validation_window_size: Side of such a window in the image's own pixels, whatever the trial's
                scale.

        Raises:
            InputError: If no labelled pixel is there to learn from, or no foreground pixel to validate with.
        """
        self.dataset = dataset
        self.split = split
        self._cache = ImageCache(cache_bytes)
        self._records = {record.name: record for record in dataset.records}
        self._train_counts = self._class_counts(split.train)
        if self._train_counts.sum() == 0:
            raise InputError("the training part of the data holds no labelled pixel; it needs at least one mask")
        if self._class_counts(split.validation)[1:].sum() == 0:
            raise InputError(
                "the validation part of the data holds no pixel of a foreground class, so mIoU has no value; "
                "label more photos or split by photo"
            )
        self._validation_cells = (
            None
            if validation_windows is None
            else spread_cells(self.records("validation"), validation_window_size, validation_windows)
        )

    @property
    def classes(self) -> ClassMapping:
        """The classes that masks hold and networks predict."""
        return self.dataset.classes

    def records(self, part: str) -> tuple[ImageRecord, ...]:
        """Images of a part: "train", "validation", "test" or "unlabelled"."""
        names: Sequence[str] = getattr(self.split, part)
        return tuple(self._records[name] for name in names)

    def cells(self, part: str) -> dict[str, tuple[Cell, ...]] | None:
        """Rectangles of a part that are evaluated, by the image's name; None for everything."""
        return self._validation_cells if part == "validation" else None

    def class_weights(self, cap: float) -> NDArray[np.float32]:
        """Weight of each class in the cross-entropy, (C,): inverse frequency, at most `cap`.

        Counted over all training masks.         Class c with n_c of all n labelled pixels weighs n / (C n_c):
        1 where all classes are equally frequent. A class without any training pixel gets the cap, the limit
        of ever rarer classes; no pixel carries it.
        """
        counts = self._train_counts.astype(np.float64)
        frequencies = np.maximum(counts, 1e-9) * len(counts) / counts.sum()
        return np.asarray(np.minimum(1.0 / frequencies, cap), dtype=np.float32)

    def image(self, record: ImageRecord, image_scale: float = 1.0) -> NDArray[np.uint8]:
        """An image at a trial's scale: (H, W, 3), RGB, not to be written to.

        Raises:
            UnreadableImageError: If the file can't be decoded.
        """

        def read() -> NDArray[np.uint8]:
            image = self.dataset.read_image(record)
            if image_scale == 1.0:
                return image
            return resize_image(image, *scaled_size(image.shape[0], image.shape[1], image_scale))

        return self._cache.get(("image", record.name, image_scale), read)

    def mask(self, record: ImageRecord, image_scale: float = 1.0) -> NDArray[np.uint8]:
        """A labelled image's mask at a trial's scale: (H, W) class indices, not to be written to.

        Raises:
            UnreadableImageError: If the file can't be decoded.
        """

        def read() -> NDArray[np.uint8]:
            mask = self.dataset.read_mask(record)
            if image_scale == 1.0:
                return mask
            return resize_mask(mask, *scaled_size(mask.shape[0], mask.shape[1], image_scale))

        return self._cache.get(("mask", record.name, image_scale), read)

    def _class_counts(self, names: Sequence[str]) -> NDArray[np.int64]:
        counts = np.zeros(len(self.classes.names), dtype=np.int64)
        for name in names:
            counts += self.dataset.class_counts(self._records[name])
        return counts
