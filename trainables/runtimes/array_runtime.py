"""Runtimes that take and give numpy arrays and do without torch."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.colour_statistics import normalised_array
from trainables.runtimes.runtime import Runtime


class ArrayRuntime(Runtime):
    """What such runtimes have in common."""

    def place(self, images: NDArray[np.float32]) -> Any:
        """They read arrays where they are."""
        return images

    def place_pixels(self, pixels: NDArray[np.uint8]) -> Any:
        """Normalise with numpy."""
        return normalised_array(pixels)

    def probabilities(self, output: Any) -> NDArray[np.float32]:
        """An output as it is, in memory of its own: runtimes write the next one over it."""
        return np.array(output, dtype=np.float32)

    def classes(self, output: Any) -> NDArray[np.uint8]:
        """Choose with numpy."""
        result: NDArray[np.uint8] = np.asarray(output).argmax(1).astype(np.uint8)
        return result

    def threads(self) -> int:
        """As asked for."""
        return self.circumstances.threads
