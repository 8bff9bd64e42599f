"""Best checkpoints of freshly drawn networks, for tests of exports."""

from pathlib import Path
from typing import Any

import torch

from spaces.configuration import TrialConfig
from spaces.loading import load_space
from trainables.checkpoint import write_checkpoint
from trainables.models import create_model

SIDE = 64
NAMES = ("ground", "a<b>", "c|d")
COLOURS = ((0, 0, 0), (255, 0, 0), (0, 0, 255))


def write_network(folder: Path, space: str, **changes: Any) -> Path:
    """The baseline of a space, in some respects changed."""
    torch.manual_seed(0)
    baseline = load_space(space).baseline.model_dump(mode="json")
    config = TrialConfig.model_validate(baseline | {"crop_size": SIDE} | changes)
    classes = {"names": list(NAMES), "colours": [list(colour) for colour in COLOURS]}
    model = create_model(config, classes=len(NAMES))
    path = folder / "best.pt"
    write_checkpoint(path, {"config": config.model_dump(mode="json"), "classes": classes, "model": model.state_dict()})
    return path
