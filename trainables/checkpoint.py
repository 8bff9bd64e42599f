"""Checkpoint files: tensors, numbers, texts, lists and dicts, and nothing that could run code when read."""

import contextlib
import os
import pickle
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from spaces.errors import InputError

PARTIAL = ".partial"
"""How the names of files end that are being written."""


@contextlib.contextmanager
def without_checksums() -> Iterator[None]:
    """Let `torch.save` leave out the checksums of its ZIP format, which take longer than writing.

    `torch.load` does not look at them; other programs that read ZIP files do.
    """
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(compute_crc32=False)
    try:
        yield
    finally:
        torch.serialization.set_crc32_options(before)


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state so that the file is either the whole new one or the whole old one, whatever happens.

    Args:
        path: The file; its folder must exist.
        state: Tensors, numbers, texts and None in dicts and lists.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=PARTIAL)
    try:
        with os.fdopen(descriptor, "wb") as file:
            torch.save(dict(state), file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU, without running anything that it might contain.

    Raises:
        InputError: If the file can't be read or is not a checkpoint.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"checkpoint {path} does not exist") from None
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"checkpoint {path} can't be read ({reason}); a file of this program is needed") from error
    if not isinstance(state, dict):
        raise InputError(f"checkpoint {path} holds a {type(state).__name__}; a file of this program is needed")
    return state


def require_same(state: Mapping[str, Any], **expected: Any) -> None:
    """Refuse a state that was not made by what wants to go on with it.

    Args:
        state: What a checkpoint holds.
        expected: Values that it must have, by name.

    Raises:
        InputError: One of them is another or missing.
    """
    for name, mine in expected.items():
        if state.get(name) != mine:
            raise InputError(
                f"checkpoint: its {name} is {state.get(name)!r}, but this training's is {mine!r}; "
                "resume with what it was started with"
            )
