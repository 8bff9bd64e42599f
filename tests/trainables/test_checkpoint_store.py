"""The contract of every checkpoint store: a folder, and a URI that pyarrow understands."""

from pathlib import Path

import pytest
import torch

from spaces.errors import InputError
from trainables.checkpoint_store import BEST, LAST, CheckpointStore, FolderStore, UriStore, check_storage, open_store


@pytest.fixture(params=["folder", "uri"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> CheckpointStore:
    location = tmp_path / "checkpoints"
    return open_store(str(location) if request.param == "folder" else location.as_uri())


def test_a_store_is_chosen_by_the_form_of_its_location(tmp_path: Path) -> None:
    assert isinstance(open_store(str(tmp_path)), FolderStore)
    assert isinstance(open_store(tmp_path.as_uri()), UriStore)


def test_what_is_written_is_read_and_replaced(store: CheckpointStore) -> None:
    assert store.read("unet-000", LAST) is None
    store.write("unet-000", LAST, {"step": 1, "weights": torch.arange(3)})
    store.write("unet-000", LAST, {"step": 2, "weights": torch.arange(4)})
    state = store.read("unet-000", LAST)
    assert state is not None
    assert state["step"] == 2
    assert torch.equal(state["weights"], torch.arange(4))


def test_one_checkpoint_or_all_of_a_trial_are_deleted(store: CheckpointStore) -> None:
    for trial_id in ("unet-000", "unet-001"):
        for name in (LAST, BEST):
            store.write(trial_id, name, {"step": 1})
    store.delete("unet-000", LAST)
    store.delete("unet-001")
    store.delete("unet-001")
    store.delete("unet-001", BEST)
    assert store.read("unet-000", LAST) is None
    assert store.read("unet-000", BEST) is not None
    assert store.read("unet-001", BEST) is None


@pytest.mark.parametrize("location", ["nothing://here", "s3:///"])
def test_a_location_that_can_not_be_used_is_bad_input(location: str) -> None:
    with pytest.raises(InputError, match="--storage"):
        check_storage(location)


def test_checking_leaves_nothing_behind(tmp_path: Path) -> None:
    check_storage(str(tmp_path / "new" / "place"))
    check_storage((tmp_path / "other").as_uri())
    assert list(tmp_path.iterdir()) == []
