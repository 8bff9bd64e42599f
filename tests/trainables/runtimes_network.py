"""A small network on disk in every format, for tests of runtimes."""

from pathlib import Path

import numpy as np
import torch

from spaces.loading import load_space
from trainables.export.network_files import write_network_files
from trainables.models import create_model
from trainables.runtimes.names import RUNTIME_KINDS
from trainables.runtimes.runtime import NetworkFiles

SIDE, CLASSES = 32, 7


def write_network(folder: Path, *runtimes: str) -> NetworkFiles:
    """The UNet at 32 px, freshly drawn, float32, as the runtimes read it; as all do if none is named."""
    config = load_space("unet").baseline.model_copy(update={"crop_size": SIDE})
    files = NetworkFiles(folder, config, CLASSES)
    torch.manual_seed(0)
    model = create_model(config, classes=CLASSES).eval()
    torch.save(model.state_dict(), files.weights)
    variants = {(name, "float32") for name in runtimes or RUNTIME_KINDS}
    write_network_files(model, files, variants, lambda: np.zeros((0, 3, SIDE, SIDE), np.float32))
    return files
