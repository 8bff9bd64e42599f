"""What counts as a best checkpoint, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch

from spaces.errors import InputError
from tests.trainables.small_model import SmallModel
from tests.trainables.small_trial import CLASSES, small_config
from trainables.checkpoint import write_checkpoint
from trainables.data.trained_on import TrainedOn
from trainables.trained_network import file_digest, read_trained_network

pytestmark = pytest.mark.usefixtures("small_model")


def state(**changes: Any) -> dict[str, Any]:
    torch.manual_seed(0)
    config = small_config()
    whole = {
        "config": config.model_dump(mode="json"),
        "classes": {"names": list(CLASSES.names), "colours": [list(colour) for colour in CLASSES.colours]},
        "model": SmallModel(config, classes=4).state_dict(),
        "data": {"fingerprint": "ab", "split_by": "photo", "split_seed": 3},
    }
    return {key: value for key, value in (whole | changes).items() if value is not None}


def classes(**changes: Any) -> dict[str, Any]:
    return state()["classes"] | changes


def test_a_best_checkpoint_gives_its_network(tmp_path: Path) -> None:
    written = state()
    write_checkpoint(tmp_path / "best.pt", written)
    network = read_trained_network(tmp_path / "best.pt")
    assert (network.class_names, network.class_colours) == (CLASSES.names, CLASSES.colours)
    assert network.config == small_config()
    assert network.data == TrainedOn("ab", "photo", 3)
    assert network.sha256 == file_digest(tmp_path / "best.pt")
    model = network.model()
    assert not model.training
    for name, values in model.state_dict().items():
        torch.testing.assert_close(values, written["model"][name])


@pytest.mark.parametrize(
    "changes",
    [
        {"config": None},
        {"config": {"architecture": "small", "crop_size": "large"}},
        {"model": None},
        {"model": 5},
        {"classes": None},
        {"classes": {"names": list(CLASSES.names)}},
        {"classes": {"names": [], "colours": []}},
        {"classes": {"names": ["one"], "colours": [[0, 0, 0]]}},
        {"classes": classes(names=["a", "b", "c"])},
        {"classes": classes(names=["a", "b", "c", "a"])},
        {"classes": classes(names=["a", "b", "c", 4])},
        {"classes": classes(colours=[[0, 0, 0]] * 3 + [[0, 0, 256]])},
        {"classes": classes(colours=[[0, 0, 0]] * 3 + [[0, 0, 0.5]])},
        {"classes": classes(colours=[[0, 0, 0]] * 3 + [[0, 0]])},
    ],
    ids=str,
)
def test_what_is_no_best_checkpoint_is_refused_in_one_line(changes: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "best.pt"
    write_checkpoint(path, state(**changes))
    with pytest.raises(InputError, match=r"holds no configuration, classes .* name the best checkpoint") as caught:
        read_trained_network(path)
    assert "\n" not in str(caught.value)


def test_weights_of_another_network_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "best.pt"
    write_checkpoint(path, state(model=SmallModel(small_config(), classes=3).state_dict()))
    with pytest.raises(InputError, match="its weights don't fit its configuration") as caught:
        read_trained_network(path).model()
    assert "\n" not in str(caught.value)


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("no checkpoint", encoding="utf-8")
    torch.save([1, 2], tmp_path / "list.pt")
    for name, complaint in {
        "text.pt": "can't be read",
        "list.pt": "holds a list",
        "absent.pt": "does not exist",
    }.items():
        with pytest.raises(InputError, match=complaint):
            read_trained_network(tmp_path / name)
