"""A cache of decoded images, bounded in bytes."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np
from numpy.typing import NDArray


class ImageCache:
    """Keeps the most recently used arrays, up to a number of bytes; may be used from several threads."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._arrays: OrderedDict[Hashable, NDArray[np.uint8]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def bytes_used(self) -> int:
        """Bytes of all arrays held."""
        return self._bytes

    def get(self, key: Hashable, read: Callable[[], NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """The array under a key; read, and kept if it fits, where there is none.

        Two threads that miss the same key both read it: decoding must not hold the lock.

        Returns:
            An array that can't be written to, since others use it too.
        """
        with self._lock:
            array = self._arrays.get(key)
            if array is not None:
                self._arrays.move_to_end(key)
                return array
        array = np.ascontiguousarray(read())
        if array.nbytes > self._max_bytes:
            return array
        array.flags.writeable = False
        with self._lock:
            if key not in self._arrays:
                self._arrays[key] = array
                self._bytes += array.nbytes
            while self._bytes > self._max_bytes:
                _, oldest = self._arrays.popitem(last=False)
                self._bytes -= oldest.nbytes
        return array
