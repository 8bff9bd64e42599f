"""How an evaluation predicts: overlap of the windows and test-time augmentation."""

import math
from dataclasses import dataclass

from spaces.errors import InputError

MAX_OVERLAP = 0.75


@dataclass(frozen=True)
class EvaluationSettings:
    """What an evaluation may spend on each pixel beyond one forward pass.

    Attributes:
        overlap: Share of a window's side that it has in common with its neighbour, 0 to 0.75. At 0 one
            window answers for each pixel; at 0.5 four do, blended.
        test_time_augmentation: Average the probabilities over the image and its three mirror images, at four
            times the cost.
    """

    overlap: float = 0.0
    test_time_augmentation: bool = False

    def __post_init__(self) -> None:
        """Refuse an overlap that no grid of windows can have.

        Raises:
            InputError: `overlap` is not a number from 0 to 0.75.
        """
        if not (math.isfinite(self.overlap) and 0.0 <= self.overlap <= MAX_OVERLAP):
            raise InputError(f"overlap of the windows: {self.overlap!r} is not in 0 to {MAX_OVERLAP}")


PLAIN_EVALUATION = EvaluationSettings()
"""One window and one forward pass for each pixel."""
