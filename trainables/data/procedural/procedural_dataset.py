"""The built-in data set: drawn aerial photos of snake fruit plantations, behind the usual interface."""

import hashlib
import json
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spaces.errors import InputError
from trainables.data.dataset import ClassMapping, ImageRecord
from trainables.data.procedural.layout import lay_out
from trainables.data.procedural.painting import paint
from trainables.data.procedural.scene_plan import LAYOUT_STREAM, PAINTING_STREAM, plan_scene, random_stream
from trainables.data.records import RecordTable

CLASSES: Final = ClassMapping(
    names=(
        "__background__",
        "Badan Air",
        "Bangunan",
        "Jalan",
        "Pohon Berinang",
        "Snake Fruit",
        "Tanah Terbuka",
    ),
    colours=(
        (0, 0, 0),
        (255, 50, 50),
        (255, 225, 50),
        (109, 255, 50),
        (50, 255, 167),
        (50, 167, 255),
        (109, 50, 255),
    ),
)

DRAWING_VERSION = 1
"""Part of the fingerprint: raised with every change that draws other pixels from the same seed."""

CAPTURE = "procedural"
SMALLEST_PHOTO = 64


class ProceduralDataset:
    """Aerial photos drawn from a seed, in 7 classes and about the shares that salak plantations have.

    Every photo is a pure function of (seed, index), whatever the machine. Photos differ in what they hold, in
    ground resolution, sun, shadows, colour cast, haze, focus and noise, so that no class is known by its
    colour alone. Each group of four photos holds one scene of every kind, so that each part of a split by
    photo can hold every class; water has about 1 % of the pixels, not the real 0.2 %, which would leave none
    for some parts.

    The first `labelled_photos` are labelled. Photos are drawn when read: callers keep what they need again.

    Attributes:
        classes: Names and colours of the 7 classes.
        records: One per photo, ordered by name.
        fingerprint: Hex digest of everything that decides the pixels.
        description: One line for people.
    """

    def __init__(
        self, *, seed: int = 0, labelled_photos: int = 40, unlabelled_photos: int = 40, photo_size: int = 192
    ) -> None:
        """Describe the photos; nothing is drawn yet.

        Args:
            seed: Decides all photos; 0 or more.
            labelled_photos: Photos with a mask, at least 1.
            unlabelled_photos: Photos without.
            photo_size: Side of a photo, px, at least 64; a larger photo shows more, at the same size.

        Raises:
            InputError: A value is out of range.
        """
        for name, value, least in (
            ("seed", seed, 0),
            ("labelled_photos", labelled_photos, 1),
            ("unlabelled_photos", unlabelled_photos, 0),
            ("photo_size", photo_size, SMALLEST_PHOTO),
        ):
            if value < least:
                raise InputError(f"built-in data: {name} is {value}; it must be at least {least}")
        self._seed = seed
        self._size = photo_size
        parameters = {
            "drawing_version": DRAWING_VERSION,
            "seed": seed,
            "labelled_photos": labelled_photos,
            "unlabelled_photos": unlabelled_photos,
            "photo_size": photo_size,
        }
        self.classes: ClassMapping = CLASSES
        self.fingerprint: str = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()
        self.description: str = (
            f"built-in procedural plantation scenes, seed {seed}: {labelled_photos} labelled and "
            f"{unlabelled_photos} unlabelled photos of {photo_size}x{photo_size} px"
        )
        self.records: RecordTable = RecordTable.from_records(
            ImageRecord(
                name=_photo_name(index),
                photo=_photo_name(index),
                capture=CAPTURE,
                image_path=None,
                mask_path=None,
                height=photo_size,
                width=photo_size,
                labelled=index < labelled_photos,
            )
            for index in range(labelled_photos + unlabelled_photos)
        )
        self._index_of = {_photo_name(index): index for index in range(len(self.records))}

    def read_image(self, record: ImageRecord) -> NDArray[np.uint8]:
        """Draw a photo.

        Args:
            record: One of `records`.

        Returns:
            (photo_size, photo_size, 3) RGB.

        Raises:
            KeyError: The record is not of this data set.
        """
        index = self._index_of[record.name]
        plan = plan_scene(self._seed, index)
        layout = lay_out(random_stream(self._seed, LAYOUT_STREAM, index), plan, self._size)
        return paint(random_stream(self._seed, PAINTING_STREAM, index), plan, layout)

    def read_mask(self, record: ImageRecord) -> NDArray[np.uint8]:
        """Draw the mask of a labelled photo.

        Args:
            record: One of `records`.

        Returns:
            (photo_size, photo_size) class indices; every pixel has a class.

        Raises:
            KeyError: The record is not of this data set.
            ValueError: The photo is unlabelled.
        """
        index = self._index_of[record.name]
        if not record.labelled:
            raise ValueError(f"{record.name} is unlabelled: it has no mask")
        return _mask(self._seed, index, self._size)

    def class_counts(self, record: ImageRecord) -> NDArray[np.int64]:
        """Count the pixels of each class in a labelled photo.

        Args:
            record: One of `records`.

        Returns:
            (7,) pixels.

        Raises:
            KeyError: The record is not of this data set.
            ValueError: The photo is unlabelled.
        """
        index = self._index_of[record.name]
        if not record.labelled:
            raise ValueError(f"{record.name} is unlabelled: it has no mask")
        return np.array(_class_counts(self._seed, index, self._size), dtype=np.int64)

    def class_count_table(self, positions: NDArray[np.int32]) -> NDArray[np.int64]:
        """Count the pixels of each class in several labelled photos.

        Args:
            positions: Places in `records`, (N,).

        Returns:
            (N, 7) pixels.

        Raises:
            ValueError: A photo is unlabelled.
        """
        counts = [self.class_counts(record) for record in self.records.take(positions)]
        return np.array(counts, dtype=np.int64).reshape(-1, len(CLASSES.names))


def _mask(seed: int, index: int, size: int) -> NDArray[np.uint8]:
    return lay_out(random_stream(seed, LAYOUT_STREAM, index), plan_scene(seed, index), size).mask


@lru_cache(maxsize=4096)
def _class_counts(seed: int, index: int, size: int) -> tuple[int, ...]:
    """Pixels of each class; a photo's are counted once in a process, since split, sampler and loss ask for them."""
    return tuple(np.bincount(_mask(seed, index, size).ravel(), minlength=len(CLASSES.names)).tolist())


def _photo_name(index: int) -> str:
    return f"{CAPTURE}/photo_{index:04d}"
