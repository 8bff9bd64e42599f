"""The strong view: colour and blur on top of the weak view's geometry, and the normalisation of images."""

import os
import threading
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class StrongView:
    """Colour jitter, grey and blur, as in UniMatch (Yang et al. 2023); geometry stays that of the weak view.

    May be called from several threads: albumentations keeps its random numbers in the transform, so each
    thread has transforms of its own.
    """

    def __init__(self) -> None:
        self._local = threading.local()

    def __call__(self, image: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
        """Augment one image.

        Args:
            image: (H, W, 3), RGB.
            seed: Decides everything; equal seeds give equal views.

        Returns:
            (H, W, 3), a new array.
        """
        transform = getattr(self._local, "transform", None)
        if transform is None:
            transform = self._local.transform = _strong_transform()
        # albumentations' generators take 32-bit seeds.
        transform.set_random_seed(seed & 0xFFFFFFFF)
        return np.asarray(transform(image=image)["image"], dtype=np.uint8)


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


def normalised(images: NDArray[np.uint8], device: torch.device, *, channels_last: bool) -> Tensor:
    """Turn images into what networks take: 0 to 1, minus ImageNet's mean, by its standard deviation.

    Args:
        images: (B, H, W, 3), RGB.
        device: Where the result lies.
        channels_last: Memory layout of the result.

    Returns:
        (B, 3, H, W), float32.
    """
    # Sent as bytes and converted there: a quarter of the traffic.
    tensor = torch.from_numpy(images).to(device, non_blocking=True).permute(0, 3, 1, 2).float()
    mean = torch.tensor(IMAGENET_MEAN, device=device).view(1, 3, 1, 1) * 255
    std = torch.tensor(IMAGENET_STD, device=device).view(1, 3, 1, 1) * 255
    tensor = tensor.sub_(mean).div_(std)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return tensor.contiguous(memory_format=layout)
