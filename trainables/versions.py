"""Versions of this program and of the parts that its results depend on."""

import importlib.metadata
import platform
from collections.abc import Sequence

PARTS = ("albumentations", "mlflow", "numpy", "optuna", "ray", "segmentation-models-pytorch", "torch", "torchvision")


def part_versions(parts: Sequence[str] = PARTS) -> dict[str, str]:
    """Version of Python, the platform, the program and each part, by name."""
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for part in ("segpareto", *parts):
        try:
            versions[part] = importlib.metadata.version(part)
        except importlib.metadata.PackageNotFoundError:
            versions[part] = "not installed"
    return versions
