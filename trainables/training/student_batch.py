"""What the student learns from in one step: labelled crops, strong views, and the teacher's labels for them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from spaces.configuration import TrialConfig
from trainables.compute.precision import ComputeLayout
from trainables.data.augmentation import normalised
from trainables.data.batches import Batch, UnlabelledImages
from trainables.selftraining.complementary_dropout import complementary_scales
from trainables.selftraining.cutmix import cutmix_boxes, paste
from trainables.selftraining.pseudo_labels import PseudoLabels, label_pixels
from trainables.selftraining.strategy import ThresholdStrategy


@dataclass(frozen=True, slots=True)
class StudentBatch:
    """The images of one forward pass and what they shall become; N = B + V * U.

    Attributes:
        images: (N, 3, S, S), float32, normalised: B labelled crops, then V strong views of U unlabelled ones, all first
            views before all second ones.
        target: (B, S, S), int64 class indices.
        pseudo: The teacher's labels of each view; empty without unlabelled crops.
        feature_scales: What the encoder's features are multiplied by, (N, c, 1, 1) each; None for nothing.
        kept: (C,), float32: the teacher's labels of each class, by weight, before CutMix; None without unlabelled
            crops.
        valid: Scalar: unlabelled pixels that are no padding; None likewise.
    """

    images: Tensor
    target: Tensor
    pseudo: tuple[PseudoLabels, ...]
    feature_scales: tuple[Tensor, ...] | None
    kept: Tensor | None
    valid: Tensor | None


class StudentBatches:
    """Makes a step's `StudentBatch` of its `Batch`, on the device."""

    def __init__(
        self,
        config: TrialConfig,
        *,
        seed: int,
        classes: int,
        feature_channels: tuple[int, ...],
        strategy: ThresholdStrategy,
        device: torch.device,
        layout: ComputeLayout,
    ) -> None:
        """Say for whom.

        Args:
            config: The trial's configuration.
            seed: Its seed.
            classes: Number of classes.
            feature_channels: The student's.
            strategy: Learns from each step's probabilities and weighs the pseudo-labels.
            device: Where the student is.
            layout: Its memory layout.
        """
        self._config = config
        self._seed = seed
        self._classes = classes
        self._feature_channels = feature_channels
        self._strategy = strategy
        self._device = device
        self._layout = layout

    def make(self, step: int, batch: Batch, teacher: Callable[[Tensor], Tensor]) -> StudentBatch:
        """Bring a batch to the device and let the teacher label it.

        Args:
            step: The step.
            batch: Its batch.
            teacher: (U, C, S, S) probabilities, float32, of (U, 3, S, S) images.
        """
        images = self._images(batch.labelled.images)
        target = batch.labelled.masks.to(self._device, non_blocking=True).long()
        if batch.unlabelled is None:
            return StudentBatch(images, target, (), None, None, None)
        weak = self._images(batch.unlabelled.weak)
        valid = batch.unlabelled.valid.to(self._device, non_blocking=True)
        pseudo = label_pixels(teacher(weak), valid, self._strategy)
        views = self._strong_views(step, batch.unlabelled, pseudo)
        return StudentBatch(
            images=torch.cat([images, *(view for view, _ in views)]),
            target=target,
            pseudo=tuple(labels for _, labels in views),
            feature_scales=self._feature_scales(step, len(images), len(weak)),
            kept=weight_by_class(pseudo, self._classes),
            valid=valid.sum(),
        )

    def _strong_views(
        self, step: int, unlabelled: UnlabelledImages, pseudo: PseudoLabels
    ) -> list[tuple[Tensor, PseudoLabels]]:
        views = []
        for number, strong in enumerate(unlabelled.strong):
            view, labels = self._images(strong), pseudo
            if self._config.cutmix:
                boxes = cutmix_boxes(self._seed, step, len(view), view.shape[-1], number)
                view = paste(view, boxes)
                labels = PseudoLabels(
                    paste(pseudo.labels, boxes), paste(pseudo.weights, boxes), paste(pseudo.valid, boxes)
                )
            views.append((view, labels))
        return views

    def _feature_scales(self, step: int, labelled: int, unlabelled: int) -> tuple[Tensor, ...] | None:
        if not self._config.complementary_dropout:
            return None
        return complementary_scales(self._seed, step, self._feature_channels, labelled, unlabelled, self._device)

    def _images(self, images: Tensor) -> Tensor:
        return normalised(images, self._device, channels_last=self._layout.channels_last)


def weight_by_class(pseudo: PseudoLabels, classes: int) -> Tensor:
    """Sum of the weights of each class's pseudo-labels, (C,), float32.

    A loop over classes instead of a count: on a GPU, counting waits for the largest label.
    """
    zero = pseudo.weights.new_zeros(())
    return torch.stack([torch.where(pseudo.labels == index, pseudo.weights, zero).sum() for index in range(classes)])
