"""The images that a process used most recently, bounded in bytes or in number."""

import threading
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray


class RecentImages:
    """Keeps the most recently used arrays up to a bound; may be used from several threads."""

    def __init__(self, *, max_bytes: int | None = None, max_images: int | None = None) -> None:
        """Start empty.

        Args:
            max_bytes: Bound of all arrays together; None for any.
            max_images: Bound of their number; None for any.
        """
        self._max_bytes = max_bytes
        self._max_images = max_images
        self._bytes = 0
        self._arrays: OrderedDict[str, NDArray[np.uint8]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def bytes_used(self) -> int:
        """Bytes of all arrays held."""
        return self._bytes

    def get(self, key: str) -> NDArray[np.uint8] | None:
        """The array under a key, now the most recent one; None if it is not held."""
        with self._lock:
            array = self._arrays.get(key)
            if array is not None:
                self._arrays.move_to_end(key)
            return array

    def put(self, key: str, array: NDArray[np.uint8]) -> None:
        """Hold an array, dropping those used least recently; one that exceeds the bound by itself is not held."""
        with self._lock:
            if key not in self._arrays and not self._exceeds(array.nbytes, 1):
                self._arrays[key] = array
                self._bytes += array.nbytes
            while self._exceeds(self._bytes, len(self._arrays)):
                _, oldest = self._arrays.popitem(last=False)
                self._bytes -= oldest.nbytes

    def _exceeds(self, size: int, images: int) -> bool:
        too_large = self._max_bytes is not None and size > self._max_bytes
        return too_large or (self._max_images is not None and images > self._max_images)
