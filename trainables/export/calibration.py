"""Images that decide the ranges of a quantised network, and others to compare it by."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spaces.configuration import TrialConfig
from trainables.data.colour_statistics import normalised_array

if TYPE_CHECKING:
    from trainables.data.trial_data import TrialData


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """What decides the ranges of a quantised network.

    Attributes:
        images: Normalised, (N, 3, H, W), N at least 1.
        data_fingerprint: Of the data that they are from.
        of_training: Whether the network is known to have been trained on them.
    """

    images: NDArray[np.float32]
    data_fingerprint: str
    of_training: bool


def calibration_images(data: "TrialData", config: TrialConfig, count: int) -> NDArray[np.float32]:
    """`centre_crops` of training images, and never of others, as large as those of the training.

    Args:
        data: The data that the network was trained on.
        config: Gives the scale of images and the side of crops.
        count: How many; fewer where there are fewer images.
    """
    return centre_crops(data, "train", config, count, config.crop_size)


def centre_crops(data: "TrialData", part: str, config: TrialConfig, count: int, side: int) -> NDArray[np.float32]:
    """Centre crops of a part's images, spread evenly over them, as the network sees them.

    Args:
        data: The data.
        part: "train", "validation" or "test".
        config: Gives the scale of images.
        count: How many; fewer where there are fewer images.
        side: Of the crops, px.

    Returns:
        (N, 3, `side`, `side`), normalised. Images smaller than a crop are mirrored at their borders.
    """
    records = data.records(part)
    chosen = np.unique(np.linspace(0, len(records) - 1, num=min(count, len(records))).round().astype(int))
    crops = [_centre(data.image(records[int(place)], config.image_scale), side) for place in chosen]
    return normalised_array(np.stack(crops))


def _centre(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    missing = [max(0, side - length) for length in image.shape[:2]]
    if any(missing):
        image = np.pad(image, [*((more // 2, more - more // 2) for more in missing), (0, 0)], mode="symmetric")
    top, left = ((length - side) // 2 for length in image.shape[:2])
    return image[top : top + side, left : left + side]
