"""The colours that encoders were trained on; no torch, for runtimes that do without."""

import numpy as np
from numpy.typing import NDArray

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def normalised_array(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn (B, H, W, 3) uint8 RGB into (B, 3, H, W) float32, as `trainables.data.augmentation.normalised` does."""
    mean, std = (np.asarray(values, dtype=np.float32) * 255 for values in (IMAGENET_MEAN, IMAGENET_STD))
    pixels = (images.astype(np.float32) - mean) / std
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
