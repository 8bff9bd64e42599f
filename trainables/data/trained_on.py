"""Which data and which split a network was trained with, as its best checkpoint says."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainables.data.trial_data import TrialData

STATE_KEY = "data"
"""Where the state of a best model holds it."""


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """The data of a training.

    Attributes:
        fingerprint: The data's, as `Dataset.fingerprint`.
        split_by: "photo" or "capture".
        split_seed: Seed of the split.
    """

    fingerprint: str
    split_by: str
    split_seed: int


def recorded_data(data: "TrialData") -> dict[str, Any] | None:
    """What a checkpoint records of the data it was trained with; None where their split was not drawn by a seed."""
    if data.split.seed is None:
        return None
    return asdict(TrainedOn(data.dataset.fingerprint, data.split.by, data.split.seed))


def trained_on(state: Mapping[str, Any]) -> TrainedOn | None:
    """Read it from the state of a best model; None where that does not tell, as those of older versions."""
    match state.get(STATE_KEY):
        case {"fingerprint": str(fingerprint), "split_by": "photo" | "capture" as by, "split_seed": int(seed)}:
            return TrainedOn(fingerprint, by, seed)
    return None
