from pathlib import Path

import pytest
import torch

from spaces.errors import InputError
from trainables.checkpoint import read_checkpoint, require_same, write_checkpoint


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    write_checkpoint(path, {"a": torch.arange(3), "b": {"c": [1, 2.5, "x", None, True]}})
    write_checkpoint(path, {"a": torch.arange(4), "b": {"c": [1, 2.5, "x", None, True]}})
    state = read_checkpoint(path)
    assert state["a"].tolist() == [0, 1, 2, 3]
    assert state["b"] == {"c": [1, 2.5, "x", None, True]}
    assert [file.name for file in tmp_path.iterdir()] == ["last.pt"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.pt"
    write_checkpoint(path, {"step": 1})

    def full_disk(state: object, file: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError("no space left")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write_checkpoint(path, {"step": 2})
    monkeypatch.undo()
    assert read_checkpoint(path) == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["last.pt"]


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 broken"])
def test_other_files_are_bad_input(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "last.pt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"last\.pt can't be read") as error:
        read_checkpoint(path)
    assert "\n" not in str(error.value)


def test_missing_and_foreign_files_are_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_checkpoint(tmp_path / "none.pt")
    torch.save([1], tmp_path / "list.pt")
    with pytest.raises(InputError, match="holds a list"):
        read_checkpoint(tmp_path / "list.pt")


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    torch.save({"config": tmp_path}, tmp_path / "code.pt")
    with pytest.raises(InputError, match="can't be read"):
        read_checkpoint(tmp_path / "code.pt")


def test_a_state_of_another_training_is_refused() -> None:
    state = {"format": 2, "seed": 3}
    require_same(state, format=2, seed=3)
    with pytest.raises(InputError, match="its seed is 3, but this training's is 4"):
        require_same(state, format=2, seed=4)
    with pytest.raises(InputError, match="its config is None"):
        require_same(state, config={"heads": 3})
