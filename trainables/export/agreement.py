"""How near an exported network's output is to the original's."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOLERATED_SHARE = 1e-3
"""Largest difference of two float32 outputs, as a share of the original's largest value, that rounding explains."""

LEAST_ARGMAX_AGREEMENT = 0.999


@dataclass(frozen=True, slots=True)
class Agreement:
    """What comparing two outputs gave.

    Attributes:
        largest_difference: Largest absolute difference of two values.
        scale: Largest absolute value of the original.
        argmax_agreement: Share of pixels in which both choose the same class, 0 to 1.
    """

    largest_difference: float
    scale: float
    argmax_agreement: float

    @property
    def tolerance(self) -> float:
        """Largest difference that rounding explains in float32."""
        return TOLERATED_SHARE * self.scale

    @property
    def exact(self) -> bool:
        """Whether the difference is one of rounding in float32."""
        return self.largest_difference <= self.tolerance and self.argmax_agreement >= LEAST_ARGMAX_AGREEMENT


def compare_outputs(original: NDArray[np.float32], exported: NDArray[np.float32]) -> Agreement:
    """Compare probabilities, or their logarithms, of the same images.

    Args:
        original: What the original says, (B, C, H, W).
        exported: What the export says, of the same shape.

    Raises:
        ValueError: The shapes differ, or a value is not finite.
    """
    if original.shape != exported.shape:
        raise ValueError(f"outputs of shapes {original.shape} and {exported.shape} can't be compared")
    if not (np.isfinite(original).all() and np.isfinite(exported).all()):
        raise ValueError("an output holds a value that is not finite")
    same = original.argmax(1) == exported.argmax(1)
    return Agreement(
        largest_difference=float(np.abs(original - exported).max()),
        scale=float(np.abs(original).max()),
        argmax_agreement=float(same.mean()),
    )
