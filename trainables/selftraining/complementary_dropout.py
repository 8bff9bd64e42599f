"""Complementary channel dropout between two strong views (UniMatch V2, Yang et al. 2025, arXiv 2410.10777)."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from trainables.data.sampling import Stream, random_stream

KEPT_SHARE = 0.5
"""Share of the unlabelled images that keep all their channels in both views."""


def complementary_scales(  # noqa: PLR0917 - what and where, in the order of the batch
    seed: int, step: int, channels: Sequence[int], labelled: int, unlabelled: int, device: torch.device
) -> tuple[Tensor, ...]:
    """What the encoder's features of one step are multiplied by, a pure function of seed and step.

    Of an unlabelled image, each channel is dropped in one of its two strong views, chosen by a fair coin, and doubled
    in the other: together the views see every channel, and the mean over both is what the encoder gave. Half of the
    images, drawn for each step, and all labelled ones keep their channels. Each level has coins of its own, since
    levels differ in width.

    Args:
        seed: The trial's seed.
        step: The step.
        channels: C_l, channels of each level.
        labelled: Labelled images, first in the batch.
        unlabelled: Unlabelled images; their first views follow the labelled ones, then their second views.
        device: Where the result shall lie.

    Returns:
        One tensor per level, (labelled + 2 * unlabelled, C_l, 1, 1), float32: 0, 1 or 2.
    """
    random = random_stream(seed, Stream.COMPLEMENTARY_DROPOUT, step)
    kept = random.permutation(unlabelled)[: int(unlabelled * KEPT_SHARE)]
    scales = []
    for width in channels:
        first = 2.0 * random.integers(2, size=(unlabelled, width)).astype(np.float32)
        first[kept] = 1.0
        whole = np.ones((labelled, width), np.float32)
        scale = torch.from_numpy(np.concatenate((whole, first, 2.0 - first)))
        scales.append(scale[:, :, None, None].to(device, non_blocking=True))
    return tuple(scales)
