"""The data of trials: a data set and its split, with decoded images shared by the trials of a node."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from spaces.errors import InputError
from trainables.data.dataset import ClassMapping, Dataset, ImageRecord
from trainables.data.image_cache import ImageCache
from trainables.data.records import RecordTable
from trainables.data.sampling import resize_image, resize_mask, scaled_size
from trainables.data.split import Split
from trainables.data.validation_cells import Cell, spread_cells

VALIDATION_WINDOW_SIZE = 256
"""Side in px of a validation window, in the image's own pixels."""


class TrialData:
    """What trials learn from and are judged by; one object serves all trials of a process in turn.

    Copies can be sent to other processes: they share the cache's decoded images.

    Attributes:
        dataset: The data set.
        split: Which images are for training, validation and test.
        train_class_counts: Pixels of each class in the mask of each training image, (N, C), in the order of
            `records("train")`.
    """

    def __init__(
        self,
        dataset: Dataset,
        split: Split,
        *,
        cache: ImageCache | None = None,
        validation_windows: int | None = None,
        validation_window_size: int = VALIDATION_WINDOW_SIZE,
    ) -> None:
        """Take a data set and its split.

        Args:
            dataset: The data set.
            split: Positions of the images of each part.
            cache: Where decoded images are kept, one made for these data; by default in this process alone.
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
        self._cache = cache or ImageCache()
        self.train_class_counts = dataset.class_count_table(split.train)
        self._train_counts = self.train_class_counts.sum(axis=0)
        if self._train_counts.sum() == 0:
            raise InputError("the training part of the data holds no labelled pixel; it needs at least one mask")
        if dataset.class_count_table(split.validation)[:, 1:].sum() == 0:
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

    def records(self, part: str) -> RecordTable:
        """Images of a part: "train", "validation", "test" or "unlabelled"."""
        positions: NDArray[np.int32] = getattr(self.split, part)
        return self.dataset.records.take(positions)

    def cells(self, part: str) -> dict[str, tuple[Cell, ...]] | None:
        """Rectangles of a part that are evaluated, by the image's name; None for everything."""
        return self._validation_cells if part == "validation" else None

    def label_shares(self) -> NDArray[np.float64]:
        """Share of each class in the labelled pixels of all training masks, (C,), sum 1."""
        return np.asarray(self._train_counts / self._train_counts.sum(), dtype=np.float64)

    def class_weights(self, cap: float) -> NDArray[np.float32]:
        """Weight of each class in the cross-entropy, (C,): inverse frequency, at most `cap`.

        Counted over all training masks. Class c with n_c of all n labelled pixels weighs n / (C n_c): 1 where
        all classes are equally frequent. A class without any training pixel gets the cap, the limit of ever
        rarer classes; no pixel carries it.
        """
        counts = self._train_counts.astype(np.float64)
        frequencies = np.maximum(counts, 1e-9) * len(counts) / counts.sum()
        return np.asarray(np.minimum(1.0 / frequencies, cap), dtype=np.float32)

    def image(self, record: ImageRecord, image_scale: float = 1.0) -> NDArray[np.uint8]:
        """An image at a trial's scale: (H, W, 3), RGB, not to be written to.

        Raises:
            UnreadableImageError: If the file can't be decoded.
        """
        return self._scaled("image", record, image_scale, self.dataset.read_image, resize_image)

    def mask(self, record: ImageRecord, image_scale: float = 1.0) -> NDArray[np.uint8]:
        """A labelled image's mask at a trial's scale: (H, W) class indices, not to be written to.

        Raises:
            UnreadableImageError: If the file can't be decoded.
        """
        return self._scaled("mask", record, image_scale, self.dataset.read_mask, resize_mask)

    def _scaled(
        self,
        kind: str,
        record: ImageRecord,
        image_scale: float,
        read: Callable[[ImageRecord], NDArray[np.uint8]],
        resize: Callable[[NDArray[np.uint8], int, int], NDArray[np.uint8]],
    ) -> NDArray[np.uint8]:
        def decode() -> NDArray[np.uint8]:
            pixels = read(record)
            if image_scale == 1.0:
                return pixels
            return resize(pixels, *scaled_size(pixels.shape[0], pixels.shape[1], image_scale))

        # By path: folders with equal labels, which share a cache, may hold other unlabelled images by the same names.
        return self._cache.get(f"{kind} {image_scale!r} {record.image_path or record.name}", decode)
