"""Masks that are written while the rows after them are predicted."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

_MOST_WAITING = 16
"""Tasks, of one strip of rows each: what waits must not grow where writing is slower than predicting."""


class WritingBehind:
    """One thread that does in order what it is given; tasks tell of their failures themselves."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()

    def do(self, task: Callable[[], None]) -> None:
        """Have something done after all that was given before; waits where too much is waiting."""
        self._waiting.append(self._thread.submit(task))
        while len(self._waiting) > _MOST_WAITING or (self._waiting and self._waiting[0].done()):
            self._waiting.popleft().result()

    def finish(self) -> None:
        """Wait until all is done."""
        while self._waiting:
            self._waiting.popleft().result()

    def close(self) -> None:
        """Do what waits and end the thread."""
        self._thread.shutdown(wait=True)
