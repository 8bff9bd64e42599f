"""What is exported of a network: from normalised images to one map per class."""

import torch
from torch import Tensor, nn

from trainables.export.subpixel_classifier import SubpixelClassifier
from trainables.models.segmentation_model import SegmentationModel
from trainables.models.unet import Unet

IMAGES = "images"
PROBABILITIES = "probabilities"


class DeployedNetwork(nn.Module):
    """A network as it predicts: the mean of its heads' softmax.

    Several heads can't be folded into one: the mean of their softmax is not the softmax of any convolution. What is
    linear is one convolution: the heads are by themselves (`SegmentationHeads`), UNet's with its last enlargement.

    Args:
        model: The network; it is put into evaluation mode, and its activations no longer change their inputs.
    """

    def __init__(self, model: SegmentationModel) -> None:
        super().__init__()
        self.model = model.eval()
        for part in model.modules():
            # Exporters take an activation in place apart into many operators, and most of their time for that.
            if isinstance(part, nn.ReLU | nn.ReLU6):
                part.inplace = False
        self.classifier = SubpixelClassifier(model) if isinstance(model, Unet) else None

    def forward(self, images: Tensor) -> Tensor:
        """Predict normalised images, (B, 3, H, W) float32: (B, C, H, W)."""
        if self.classifier is not None:
            folded: Tensor = self.classifier(self.model.decoder(self.model.encoder(images)))
            return folded
        return self.model.probabilities(images)


def example_images(rows: int, columns: int) -> Tensor:
    """Images to trace a network with, (2, 3, `rows`, `columns`) float32, always the same."""
    return torch.randn(2, 3, rows, columns, generator=torch.Generator().manual_seed(0))
