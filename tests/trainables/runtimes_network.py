"""A small network on disk in every format, for tests of runtimes."""

from pathlib import Path

from analysis.cost_preparation import prepare
from spaces.loading import load_space
from trainables.runtimes.names import RUNTIME_KINDS
from trainables.runtimes.runtime import NetworkFiles

SIDE, CLASSES = 32, 7


def write_network(folder: Path, *runtimes: str) -> NetworkFiles:
    """The UNet at 32 px, freshly drawn, float32, as the runtimes read it; as all do if none is named."""
    config = load_space("unet").baseline.model_copy(update={"crop_size": SIDE})
    prepare(
        folder=str(folder),
        config=config.model_dump(mode="json"),
        classes=CLASSES,
        checkpoint=None,
        variants=[[name, "float32"] for name in runtimes or RUNTIME_KINDS],
        source={},
        split_by="auto",
    )
    return NetworkFiles(folder, config, CLASSES)
