"""CutMix between the unlabelled images of a batch."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from trainables.data.sampling import Stream, random_stream

PROBABILITY = 0.5
AREA_SHARE = (0.02, 0.40)
ASPECT_RATIO = (0.3, 1 / 0.3)


@dataclass(frozen=True, slots=True)
class CutMixBox:
    """Rectangle of an image that is replaced by the same rectangle of its partner.

    Attributes:
        image: Index in the batch of the image that receives.
        partner: Index in the batch of the image that gives.
        top: First row, px.
        left: First column, px.
        height: Rows.
        width: Columns.
    """

    image: int
    partner: int
    top: int
    left: int
    height: int
    width: int


def cutmix_boxes(seed: int, step: int, batch_size: int, size: int, view: int = 0) -> tuple[CutMixBox, ...]:
    """Boxes of one step, a pure function of seed, step and view.

    After Yun et al. 2019 (between unlabelled images: French et al. 2020, arXiv 1906.01916), with the numbers of
    UniMatch (Yang et al. 2023). Every image takes part with `PROBABILITY`; the partner is the next image of the batch.

    Args:
        seed: The trial's seed.
        step: The step.
        batch_size: Unlabelled images.
        size: Side of the images, px.
        view: Number of the strong view; each has boxes of its own.
    """
    random = random_stream(seed, Stream.CUTMIX, *((step, view) if view else (step,)))
    boxes = []
    for image in range(batch_size):
        if random.random() >= PROBABILITY or batch_size < 2:
            continue
        area = random.uniform(*AREA_SHARE) * size * size
        aspect = np.exp(random.uniform(*np.log(ASPECT_RATIO)))
        height = min(size, max(1, round(float(np.sqrt(area * aspect)))))
        width = min(size, max(1, round(float(np.sqrt(area / aspect)))))
        top = int(random.integers(0, size - height + 1))
        left = int(random.integers(0, size - width + 1))
        boxes.append(CutMixBox(image, (image + 1) % batch_size, top, left, height, width))
    return tuple(boxes)


def paste(values: Tensor, boxes: tuple[CutMixBox, ...]) -> Tensor:
    """Replace each box by its partner's pixels, taken from the values before any box was pasted.

    Args:
        values: (B, ..., H, W); images, labels, weights and validity are mixed alike.
        boxes: Boxes of this batch.

    Returns:
        A new tensor of the same shape, dtype and memory layout.
    """
    mixed = values.clone()
    for box in boxes:
        rows, columns = slice(box.top, box.top + box.height), slice(box.left, box.left + box.width)
        mixed[box.image, ..., rows, columns] = values[box.partner, ..., rows, columns]
    return mixed
