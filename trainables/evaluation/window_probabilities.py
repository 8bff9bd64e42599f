"""What a network says of a batch of windows, within the memory that there is."""

import torch
from torch import Tensor

from trainables.compute.out_of_memory import is_out_of_memory
from trainables.evaluation.settings import EvaluationSettings
from trainables.models.segmentation_model import SegmentationModel

MIRRORS = ((-1,), (-2,), (-2, -1))
"""Further views of test-time augmentation, as axes to flip: an image from above has no up."""


def probabilities_in_memory(
    model: SegmentationModel, images: Tensor, settings: EvaluationSettings, at_once: int
) -> tuple[Tensor, int]:
    """Probabilities of a batch, and how many of its windows memory suffices for: the number halves where it does not.

    Every window is predicted by itself, so that smaller batches change nothing but roundings.
    """
    while True:
        try:
            return torch.cat([_probabilities(model, part, settings) for part in torch.split(images, at_once)]), at_once
        except Exception as error:
            if at_once == 1 or not is_out_of_memory(error):
                raise
        at_once //= 2
        if images.device.type == "cuda":
            torch.cuda.empty_cache()


def _probabilities(model: SegmentationModel, images: Tensor, settings: EvaluationSettings) -> Tensor:
    """(B, C, H, W), float32, not channels last: each class's map lies in one piece."""
    total = model.probabilities(images)
    if settings.test_time_augmentation:
        for axes in MIRRORS:
            total = total + model.probabilities(images.flip(axes)).flip(axes)
        total = total / (1 + len(MIRRORS))
    return total.contiguous()
