"""The network that a training starts from."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from spaces.configuration import TrialConfig
from trainables.compute.precision import ComputeLayout
from trainables.data.sampling import Stream, stream_seed
from trainables.models import create_model
from trainables.models.segmentation_model import SegmentationModel
from trainables.training.weight_drawing import DefaultsLast, NothingDrawn


def initial_model(
    config: TrialConfig,
    classes: int,
    *,
    seed: int | None,
    encoder_state: Mapping[str, Tensor] | None,
    device: torch.device,
    layout: ComputeLayout,
) -> SegmentationModel:
    """Build a configuration's network; torch's generator of the CPU is left as it was.

    Args:
        config: The configuration.
        classes: Number of classes.
        seed: Decides the random initial weights; None draws none: other weights must be loaded over all of them.
        encoder_state: Weights that the encoder starts from; None for random ones.
        device: Where the network shall lie.
        layout: Its memory layout.

    Raises:
        InputError: If architecture or encoder do not exist.
    """
    if seed is None:
        with NothingDrawn():
            model = create_model(config, classes=classes)
    else:
        with torch.random.fork_rng(devices=[]), DefaultsLast():
            torch.manual_seed(stream_seed(seed, Stream.INITIAL_WEIGHTS))
            model = create_model(config, classes=classes)
        if encoder_state is not None:
            model.load_encoder_state(encoder_state)
    # nn.Module.to has no overload for a memory format in strict typing's eyes.
    placed: Any = model.to(device)
    return placed.to(memory_format=layout.memory_format)  # type: ignore[no-any-return]
