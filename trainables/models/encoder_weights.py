"""Where encoders start: ImageNet weights from SMP's hub, files of one's own, or random weights.

Parsing the option loads no torch; `load_encoder_states` does.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from spaces.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

OPTION = "--encoder-weights"

_ENTRY = re.compile(r"(?P<encoder>[A-Za-z0-9_.\-]+)=(?P<path>.+)", re.DOTALL)
_ENTRY_SEPARATOR = re.compile(r",(?=\s*[A-Za-z0-9_.\-]+=)")


@dataclass(frozen=True, slots=True)
class EncoderWeights:
    """What `--encoder-weights` asks for.

    Attributes:
        source: "imagenet" (downloaded through SMP's hub), "none" (random) or "files".
        files: Encoder name and absolute path of its file, in the order given; empty unless `source` is
            "files".
    """

    source: Literal["imagenet", "none", "files"]
    files: tuple[tuple[str, Path], ...] = ()

    def describe(self) -> str:
        """The choice as text for a record; `parse_encoder_weights` reads it back."""
        if self.source == "files":
            return ",".join(f"{encoder}={path}" for encoder, path in self.files)
        return self.source

    def content_hashes(self) -> dict[str, str]:
        """SHA-256 of each file, hexadecimal, by encoder: what identifies the weights when a file is replaced.

        Raises:
            InputError: A file can't be read.
        """
        hashes = {}
        for encoder, path in self.files:
            try:
                with path.open("rb") as file:
                    hashes[encoder] = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise _unreadable(encoder, path, error) from error
        return hashes


def parse_encoder_weights(text: str) -> EncoderWeights:
    r"""Read the value of `--encoder-weights`.

    Args:
        text: "imagenet", "none", or ENCODER=PATH entries separated by commas. A path may hold colons, "=" and
            commas (`mobilenet_v2=C:\weights\m.pt`), except a comma that is followed by a name and "=".

    Returns:
        The choice; relative paths are made absolute, "~" is the home folder. No file is opened.

    Raises:
        InputError: The text is none of these, or names an encoder twice.
    """
    text = text.strip()
    if text == "imagenet":
        return EncoderWeights("imagenet")
    if text == "none":
        return EncoderWeights("none")
    files: dict[str, Path] = {}
    for entry in _ENTRY_SEPARATOR.split(text):
        match = _ENTRY.fullmatch(entry.strip())
        if match is None:
            raise InputError(
                f"{OPTION}: {entry.strip()!r} is not understood; give imagenet, none or ENCODER=PATH[,ENCODER=PATH]"
            )
        encoder = match["encoder"]
        if encoder in files:
            raise InputError(f"{OPTION}: encoder {encoder!r} is named twice; give one file for each encoder")
        files[encoder] = _absolute(match["path"].strip())
    return EncoderWeights("files", tuple(files.items()))


def load_encoder_states(choice: EncoderWeights, encoders: Sequence[str]) -> "dict[str, dict[str, Tensor]]":
    """Load the starting weights of the encoders of a search and check that they fit.

    The state of torch's random generators is left as it was.

    Args:
        choice: What the user asked for.
        encoders: Names of the encoders that the search uses; repetitions are allowed.

    Returns:
        A complete state dict on the CPU for each encoder, for `SegmentationModel.load_encoder_state`; empty
        when the choice is "none".

    Raises:
        InputError: The hub can't be reached (known within seconds) or has no weights; an encoder of the
            search has no file, or a file is for an encoder that the search does not use; a file is missing,
            can't be read or does not hold the encoder's weights; an encoder is unknown.
    """
    names = tuple(dict.fromkeys(encoders))
    if choice.source == "none":
        return {}
    if choice.source == "imagenet":
        from trainables.models.encoder_hub import download_encoder_state

        return {name: download_encoder_state(name) for name in names}

    from trainables.models.encoder_files import read_encoder_state

    files = dict(choice.files)
    for name in names:
        if name not in files:
            raise InputError(
                f"{OPTION}: no file for the encoder {name!r} of this search; add {name}=PATH, or give imagenet or none"
            )
    for name in files:
        if name not in names:
            raise InputError(
                f"{OPTION}: {name!r} is not an encoder of this search; "
                f"leave it out (the search uses {', '.join(names)})"
            )
    return {name: read_encoder_state(name, files[name]) for name in names}


def _absolute(text: str) -> Path:
    path = Path(text)
    try:
        path = path.expanduser()
    except RuntimeError as error:
        raise InputError(f"{OPTION}: no home folder for {text!r}; give the path in full") from error
    return path.absolute()


def _unreadable(encoder: str, path: Path, error: OSError) -> InputError:
    reason = error.strerror or type(error).__name__
    return InputError(f"{OPTION}: the file for {encoder}, {path}, can't be read ({reason}); give an existing file")
