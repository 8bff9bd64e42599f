"""Every registered architecture can be exported in every format; those of the built-in spaces are the command's."""

from pathlib import Path

import numpy as np
import pytest

from spaces.loading import builtin_space_names, load_space
from tests.trainables.export.networks import SIDE, write_network
from trainables.export.deployment import SUFFIXES, ExportSettings, write_deployed_model
from trainables.export.metadata import read_metadata
from trainables.export.verification import compare_with_original, open_exported
from trainables.models import model_names
from trainables.trained_network import read_trained_network

pytest.importorskip("onnxscript")
pytest.importorskip("openvino")

OF_SPACES = {load_space(name).baseline.architecture for name in builtin_space_names()}


@pytest.mark.slow
@pytest.mark.usefixtures("traced_once")
@pytest.mark.parametrize("architecture", sorted(set(model_names()) - OF_SPACES))
def test_its_exports_predict_as_it_does(architecture: str, tmp_path: Path) -> None:
    # Of few layers and weights: tracing takes time by the number of layers.
    checkpoint = write_network(
        tmp_path, "unet", architecture=architecture, encoder="tu-test_efficientnet", heads=2, decoder_width=0.25
    )
    trained = read_trained_network(checkpoint)
    images = np.random.default_rng(1).standard_normal((2, 3, SIDE, SIDE), dtype=np.float32)
    for kind, suffix in SUFFIXES.items():
        settings = ExportSettings(format=kind, size=SIDE)
        path = tmp_path / f"exported{suffix}"
        described = write_deployed_model(trained, path, settings)
        assert read_metadata(path) == described
        assert described.architecture == architecture
        found = compare_with_original(open_exported(path, trained, settings, 1), trained, images)
        assert found.exact, (kind, found)
