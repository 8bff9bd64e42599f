"""A trained network as a model that MLflow can serve: photo windows in, class masks out.

It is saved as an exported graph (`torch.export`, MLflow's `pt2` format), which holds tensors and operators only:
loading it runs no code of anybody's, and it needs PyTorch but not this project.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from spaces.configuration import TrialConfig
from trainables.data.colour_statistics import IMAGENET_MEAN, IMAGENET_STD
from trainables.models import create_model
from trainables.models.segmentation_model import SegmentationModel

_EXAMPLE_BATCH = 2
"""`torch.export` takes a batch of one for a constant."""


class ServedModel(nn.Module):
    """From the bytes of a photo's window to the class of each of its pixels.

    Args:
        model: The network.
        config: Gives image_scale and crop_size.

    Attributes:
        side: Side of the windows, in pixels of the original photo.
    """

    _mean: Tensor
    _deviation: Tensor

    def __init__(self, model: SegmentationModel, config: TrialConfig) -> None:
        super().__init__()
        self.side = round(config.crop_size / config.image_scale)
        self._network_side = config.crop_size
        self._model = model
        statistics = torch.tensor((IMAGENET_MEAN, IMAGENET_STD)).view(2, 1, 3, 1, 1) * 255
        # Copies: an exported graph takes tensors that share their memory for parts of one.
        self.register_buffer("_mean", statistics[0].clone(), persistent=False)
        self.register_buffer("_deviation", statistics[1].clone(), persistent=False)

    def forward(self, windows: Tensor) -> Tensor:
        """Predict windows.

        Args:
            windows: (B, side, side, 3), uint8, RGB.

        Returns:
            (B, side, side), int64: index of the most probable class.
        """
        images = (windows.permute(0, 3, 1, 2).float() - self._mean) / self._deviation
        resized = self.side != self._network_side
        if resized:
            images = _resized(images, self._network_side)
        probabilities = self._model.probabilities(images.contiguous())
        if resized:
            probabilities = _resized(probabilities, self.side)
        return probabilities.argmax(dim=1)


def save_served_model(state: Mapping[str, Any], path: Path, *, model_id: str | None = None) -> None:
    """Save a trial's best checkpoint in MLflow's format, with its signature.

    Args:
        state: The checkpoint: its configuration, classes and weights.
        path: Folder to make.
        model_id: What MLflow calls the model; None for a model that is not recorded.
    """
    import mlflow.pytorch
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    config = TrialConfig.model_validate(state["config"])
    names = [str(name) for name in state["classes"]["names"]]
    network = create_model(config, classes=len(names))
    network.load_state_dict(state["model"])
    served = ServedModel(network, config).eval()
    side = served.side
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, side, side, 3))]),
        outputs=Schema([TensorSpec(np.dtype(np.int64), (-1, side, side))]),
    )
    mlflow.pytorch.save_model(
        served,
        str(path),
        mlflow_model=Model(model_id=model_id),
        signature=signature,
        input_example=np.zeros((_EXAMPLE_BATCH, side, side, 3), np.uint8),
        serialization_format="pt2",
        # Named here, MLflow need not load the model in a process of its own to find them.
        pip_requirements=[f"{name}=={_public_version(name)}" for name in ("mlflow", "numpy", "torch")],
        metadata={"classes": names, "architecture": config.architecture, "encoder": config.encoder},
    )


def _resized(images: Tensor, side: int) -> Tensor:
    return functional.interpolate(images, size=(side, side), mode="bilinear", align_corners=False, antialias=True)


def _public_version(package: str) -> str:
    """A package's version without the label of its build, which no index knows."""
    from importlib.metadata import version

    return version(package).partition("+")[0]
