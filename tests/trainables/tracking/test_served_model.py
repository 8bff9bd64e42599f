from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spaces.configuration import TrialConfig
from trainables.models import create_model
from trainables.tracking.served_model import ServedModel, save_served_model

CLASSES = ("background", "road", "water")


def checkpoint(**changes: Any) -> dict[str, Any]:
    torch.manual_seed(0)
    config = TrialConfig.model_validate(
        {"architecture": "unet", "encoder": "tu-resnet10t", "crop_size": 64, "heads": 1, **changes}
    )
    return {
        "config": config.model_dump(mode="json"),
        "classes": {"names": list(CLASSES)},
        "model": create_model(config, classes=len(CLASSES)).state_dict(),
    }


def served(state: dict[str, Any]) -> ServedModel:
    config = TrialConfig.model_validate(state["config"])
    network = create_model(config, classes=len(CLASSES))
    network.load_state_dict(state["model"])
    return ServedModel(network, config).eval()


@pytest.mark.slow
def test_a_saved_model_predicts_what_the_network_does_at_any_batch(tmp_path: Path) -> None:
    import mlflow.pyfunc

    state = checkpoint()
    save_served_model(state, tmp_path / "model")
    windows = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    with torch.no_grad():
        expected = served(state)(torch.from_numpy(windows)).numpy()
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict(windows), expected)
    np.testing.assert_array_equal(loaded.predict(windows[:1]), expected[:1])
    assert loaded.metadata.metadata["classes"] == list(CLASSES)
    assert loaded.metadata.signature.inputs.inputs[0].shape == (-1, 64, 64, 3)
    assert len(np.unique(expected)) > 1


def test_a_network_that_sees_smaller_photos_takes_larger_windows() -> None:
    model = served(checkpoint(image_scale=0.5))
    windows = torch.randint(0, 256, (1, 128, 128, 3), dtype=torch.uint8)
    with torch.no_grad():
        assert model(windows).shape == (1, 128, 128)
    assert model.side == 128
