"""What tells the weights that encoders start from apart."""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def encoder_fingerprints(states: "Mapping[str, Mapping[str, Tensor]]") -> dict[str, str]:
    """Short hexadecimal digest of each encoder's initial weights, by encoder."""
    fingerprints = {}
    for encoder, state in states.items():
        digest = hashlib.sha256()
        for key in sorted(state):
            digest.update(key.encode())
            digest.update(state[key].detach().cpu().contiguous().numpy().tobytes())
        fingerprints[encoder] = digest.hexdigest()[:16]
    return fingerprints
