import numpy as np

from trainables.data.recent_images import RecentImages


def zeros(size: int) -> np.ndarray:
    return np.zeros(size, np.uint8)


def test_keeps_the_most_recent_within_its_bytes() -> None:
    recent = RecentImages(max_bytes=250)
    misses = []
    for key in ("1", "2", "1", "3", "1", "2"):
        if recent.get(key) is None:
            misses.append(key)
            recent.put(key, zeros(100))
    assert misses == ["1", "2", "3", "2"]
    assert recent.bytes_used == 200


def test_keeps_the_most_recent_within_their_number() -> None:
    recent = RecentImages(max_images=2)
    for key in ("1", "2", "3"):
        recent.put(key, zeros(10))
    assert [recent.get(key) is None for key in ("1", "2", "3")] == [True, False, False]


def test_what_is_too_large_is_not_kept_and_drops_nothing() -> None:
    recent = RecentImages(max_bytes=10)
    recent.put("small", zeros(5))
    recent.put("large", zeros(11))
    assert recent.get("large") is None
    assert recent.get("small") is not None


def test_an_image_put_twice_counts_once() -> None:
    recent = RecentImages(max_bytes=10)
    for _ in range(2):
        recent.put("a", zeros(5))
    assert recent.bytes_used == 5
