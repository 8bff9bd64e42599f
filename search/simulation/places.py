"""Which worker a simulated trial runs on: a worker takes as many trials as their shares of it leave room for."""

from collections.abc import Mapping

_WHOLE = 1_000_000
"""A worker in the units in which shares are counted: whole numbers, so that three thirds fit exactly."""


class Places:
    """Workers that are alike, and the trials on them.

    A trial goes to the fullest worker that has room for it, so that whole ones stay free for those that need one.

    Attributes:
        workers: How many there are.
        occupied_seconds: Time in which workers had a trial, summed over the workers that are empty again.
    """

    def __init__(self, workers: int, shares: Mapping[str, float]) -> None:
        """Start with empty workers.

        Args:
            workers: How many, at least 1.
            shares: Of a worker that a trial of each space takes, above 0 and at most 1.
        """
        self.workers = workers
        self.occupied_seconds = 0.0
        # A millionth of slack, so that a share that was rounded up fits as often as the exact one.
        self._needs = {space: max(1, int(share * _WHOLE + 1e-6)) for space, share in shares.items()}
        self._free = [_WHOLE] * workers
        # Workers by the room that they have left; dictionaries keep an order, so that every run is the same.
        self._with_room: dict[int, dict[int, None]] = {_WHOLE: dict.fromkeys(reversed(range(workers)))}
        self._since = [0.0] * workers

    def at_once(self, space: str) -> int:
        """Trials of a space alone that all workers take together."""
        return self.workers * (_WHOLE // self._needs[space])

    def take(self, space: str, now: float) -> int | None:
        """The worker of a trial that starts now; None where none has room."""
        need = self._needs[space]
        rooms = [room for room, workers in self._with_room.items() if workers and room >= need]
        if not rooms:
            return None
        room = min(rooms)
        worker, _ = self._with_room[room].popitem()
        if room == _WHOLE:
            self._since[worker] = now
        self._put(worker, room - need)
        return worker

    def release(self, worker: int, space: str, now: float) -> None:
        """Take a trial off its worker."""
        room = self._free[worker]
        del self._with_room[room][worker]
        room += self._needs[space]
        if room == _WHOLE:
            self.occupied_seconds += now - self._since[worker]
        self._put(worker, room)

    def _put(self, worker: int, room: int) -> None:
        self._free[worker] = room
        self._with_room.setdefault(room, {})[worker] = None
