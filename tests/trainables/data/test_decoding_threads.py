import threading
import time
from collections.abc import Iterator

import pytest

from trainables.data import decoding_threads
from trainables.data.decoding_threads import decoded_in_order


def test_results_keep_the_order_of_the_items() -> None:
    def slow_first(item: int) -> int:
        time.sleep(0.02 if item == 0 else 0)
        return item * item

    assert list(decoded_in_order(slow_first, range(50))) == [item * item for item in range(50)]
    assert list(decoded_in_order(slow_first, [])) == []


def test_items_are_taken_little_by_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding_threads, "MAX_THREADS", 2)
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in range(1000):
            taken += 1
            yield item

    results = decoded_in_order(str, items())
    assert next(results) == "0"
    assert taken <= 2 * decoding_threads.AHEAD + 1
    assert len(list(results)) == 999


def test_an_error_ends_the_work_at_once() -> None:
    done: list[int] = []
    lock = threading.Lock()

    def work(item: int) -> None:
        if item == 3:
            raise ValueError("broken")
        with lock:
            done.append(item)

    with pytest.raises(ValueError, match="broken"):
        list(decoded_in_order(work, range(10_000)))
    assert len(done) < 1000
