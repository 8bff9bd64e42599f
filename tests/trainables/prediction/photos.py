"""Photos, checkpoints and the command, for tests of predictions."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from spaces.configuration import TrialConfig
from tests.trainables.small_model import SmallModel
from tests.trainables.small_trial import CLASSES, small_config
from trainables.checkpoint import write_checkpoint
from trainables.predict import main

SIZE = 32


class PlaceReader(SmallModel):
    """Answers by colour and by place in the window: without blending, every border of a window shows."""

    def probabilities(self, images: Tensor) -> Tensor:
        side = torch.linspace(-1, 1, images.shape[-1])
        down, across = torch.meshgrid(side, side, indexing="ij")
        place = torch.stack((down, across, down * across, -down * across))
        colours = torch.stack((images[:, 0], images[:, 1], images[:, 2], images.mean(1)), dim=1)
        return (3 * colours + 2 * place).softmax(1)


def pixels(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth colours, as photos have them."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def write_photo(path: Path, values: NDArray[np.uint8], **options: Any) -> Path:
    """Losslessly: use .png or .tif."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path, **options)
    return path


def write_network(path: Path, *, seed: int = 0, names: tuple[str, ...] = CLASSES.names, **config: Any) -> Path:
    """The best checkpoint of a small network; the fixture `small_model` makes its architecture known."""
    torch.manual_seed(seed)
    full: TrialConfig = small_config(crop_size=SIZE, **config)
    model = SmallModel(full, classes=len(names))
    state = {
        "format": 2,
        "config": full.model_dump(mode="json"),
        "classes": {"names": list(names), "colours": [list(colour) for colour in CLASSES.colours[: len(names)]]},
        "model": model.state_dict(),
    }
    write_checkpoint(path, state)
    return path


def predict(*words: object) -> int:
    """Run the command in this process."""
    return main([str(word) for word in words])


def mask(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path))


def areas(output: Path, name: str = "areas.csv") -> list[dict[str, str]]:
    """The CSV of class areas."""
    with (output / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
