import numpy as np
import pytest

from trainables.data.image_cache import ImageCache


def test_keeps_the_most_recent_within_its_bytes() -> None:
    cache, reads = ImageCache(250), []

    def read(key: int) -> None:
        cache.get(key, lambda: reads.append(key) or np.zeros(100, np.uint8))  # type: ignore[func-returns-value]

    for key in (1, 2, 1, 3, 1, 2):
        read(key)
    assert reads == [1, 2, 3, 2]
    assert cache.bytes_used == 200


def test_what_is_too_large_is_not_kept() -> None:
    cache = ImageCache(10)
    assert cache.get("a", lambda: np.ones(11, np.uint8)).sum() == 11
    assert cache.bytes_used == 0


def test_shared_arrays_cannot_be_written_to() -> None:
    array = ImageCache(10).get("a", lambda: np.ones(5, np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 2
