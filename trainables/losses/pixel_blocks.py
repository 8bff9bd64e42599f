"""Logits in blocks of pixels that stay in a processor's cache."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

CPU_BLOCK_PIXELS = 4096
"""Pixels of one block on a CPU: 0.3 MB of float32 for 3 heads of 7 classes, so that a few stay in its cache."""


@dataclass(frozen=True, slots=True)
class PixelBlock:
    """Some rows of some images.

    Attributes:
        images: Which images of the batch.
        rows: Which rows of them.
    """

    images: slice
    rows: slice

    def pixels(self, values: Tensor) -> Tensor:
        """The block's values of (B, H, W), in one row: (P,)."""
        return values[self.images, self.rows].reshape(-1)

    def planes(self, values: Tensor) -> Tensor:
        """The block's values of (B, K, C, H, W) as (K, C, b, h, W), a view."""
        return values[self.images, :, :, self.rows].movedim(0, 2)


def pixel_blocks(logits: Tensor) -> Iterator[PixelBlock]:
    """Partition the pixels of (B, K, C, H, W): into parts of an image on a CPU, one block elsewhere."""
    images, _, _, height, width = logits.shape
    if logits.device.type != "cpu":
        yield PixelBlock(slice(0, images), slice(0, height))
        return
    rows = max(1, CPU_BLOCK_PIXELS // max(1, width))
    for image in range(images):
        for top in range(0, height, rows):
            yield PixelBlock(slice(image, image + 1), slice(top, min(top + rows, height)))


def block_softmax(logits: Tensor, block: PixelBlock, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Softmax of a block over its classes, whatever the layout of the logits in memory.

    Args:
        logits: (B, K, C, H, W), of any floating dtype.
        block: The block, of P pixels.
        labels: (P,), int64 class indices within C.

    Returns:
        Probabilities (K, C, P) and the labels' log-probabilities (K, P), float32, or float64 of such logits; both
        are the caller's to change.
    """
    dtype = torch.promote_types(logits.dtype, torch.float32)
    planes = block.planes(logits)
    scores = torch.empty(planes.shape, dtype=dtype, device=logits.device).copy_(planes).flatten(2)
    scores -= scores.amax(dim=1, keepdim=True)
    chosen = scores.gather(1, labels.expand(len(scores), 1, -1)).squeeze(1)
    scores.exp_()
    total = scores.sum(dim=1, keepdim=True)
    return scores.div_(total), chosen.sub_(total.squeeze(1).log_())
