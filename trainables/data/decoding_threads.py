"""Threads that decode images: Pillow and zlib let other threads run while they work."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

MAX_THREADS = 8
"""Threads that decode; each holds one image and its mask, some hundred MB for a large drone photo."""

AHEAD = 4
"""Items waiting per thread: never all, of which there may be hundreds of thousands."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def decoded_in_order(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`map` on several threads, which end at once when the work is interrupted.

    Args:
        function: Does the work; what it raises is raised here.
        items: What to work on, taken little by little.

    Yields:
        The results in the order of the items.
    """
    workers = min(MAX_THREADS, os.cpu_count() or 1)
    remaining = iter(items)
    waiting: deque[Future[Result]] = deque()
    threads = ThreadPoolExecutor(max_workers=workers)
    try:
        waiting.extend(threads.submit(function, item) for item in islice(remaining, AHEAD * workers))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(threads.submit(function, item) for item in islice(remaining, 1))
            yield result
    finally:
        threads.shutdown(wait=True, cancel_futures=True)
