"""The strong view: colour and blur on top of the weak view's geometry, and the normalisation of images."""

import os
import random
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.data.colour_statistics import IMAGENET_MEAN, IMAGENET_STD


class StrongView:
    """Colour jitter, grey and blur, as in UniMatch (Yang et al. 2023); geometry stays that of the weak view."""

    def __init__(self) -> None:
        self._transform: Any = None

    def __call__(self, image: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
        """Augment one image.

        Args:
            image: (H, W, 3), RGB.
            seed: Decides everything; equal seeds give equal views.

        Returns:
            (H, W, 3), a new array or, where chance leaves all as it is, the image itself.
        """
        if self._transform is None:
            self._transform = _strong_transform()
        # One stream for all: set_random_seed() would give each transform the same numbers, and grey only to images
        # that are blurred and jittered too.
        self._transform.set_random_state(np.random.default_rng(seed), random.Random(seed))
        return np.asarray(self._transform(image=image)["image"], dtype=np.uint8)


def _strong_transform() -> Any:
    # Without this, importing albumentations asks a server for news about itself.
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations

    return albumentations.Compose(
        [
            albumentations.ColorJitter(
                brightness=(0.5, 1.5), contrast=(0.5, 1.5), saturation=(0.5, 1.5), hue=(-0.25, 0.25), p=0.8
            ),
            albumentations.ToGray(p=0.2),
            albumentations.GaussianBlur(blur_limit=0, sigma_limit=(0.1, 2.0), p=0.5),
        ]
    )


def normalised(images: Tensor, device: torch.device, *, channels_last: bool) -> Tensor:
    """Turn images into what networks take: 0 to 1, minus ImageNet's mean, by its standard deviation.

    Args:
        images: (B, H, W, 3), uint8, RGB; from page-locked memory they are copied without waiting.
        device: Where the result lies.
        channels_last: Memory layout of the result.

    Returns:
        (B, 3, H, W), float32.
    """
    # Sent as bytes and converted there: a quarter of the traffic.
    tensor = images.to(device, non_blocking=True).permute(0, 3, 1, 2).float()
    mean, std = _colour_statistics(device)
    tensor = tensor.sub_(mean).div_(std)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return tensor.contiguous(memory_format=layout)


@cache
def _colour_statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and deviation of bytes, (1, 3, 1, 1) each; sending them to a GPU anew would make each step wait for it."""
    mean, std = torch.tensor((IMAGENET_MEAN, IMAGENET_STD), device=device).view(2, 1, 3, 1, 1) * 255
    return mean, std
