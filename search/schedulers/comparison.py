"""Trials that are compared with each other: who stands where at each rung, and how many go on from there."""

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field

from search.schedulers.ranking import Point, ranked
from search.schedulers.rule import Candidate

ONE_MORE = 1
"""Trials that go on from a rung beyond one in `reduction_factor`: among few and near its end, ranks are close, and the
next best is worth its training; among many it costs little.
"""

FEWEST_SURVIVORS = 2
"""Trials that go on from every rung, if as many arrive: at late rungs this costs little, and a near tie is trained out.
"""


@dataclass(slots=True)
class Entrant:
    """A trial in a comparison.

    Attributes:
        candidate: The trial.
        mious: Its evaluations so far.
        rungs: Rungs that it has reached.
        running: Whether it runs or will without being asked, rather than being paused or ended.
    """

    candidate: Candidate
    mious: list[float] = field(default_factory=list)
    rungs: int = 0
    running: bool = True


class Rung:
    """One rung of a comparison.

    Attributes:
        step: Where it stands.
        approaching: Trials that run towards it.
        points: The trials that reached it, in the order of their arrival.
        passed: Those of them that went on.
        forfeited: Those that ended there whatever their place: it stays theirs.
    """

    def __init__(self, step: int) -> None:
        self.step = step
        self.approaching = 0
        self.points: dict[str, Point] = {}
        self.passed: set[str] = set()
        self.forfeited: set[str] = set()
        self._broken: set[str] = set()
        self._paused: set[str] = set()
        # The paused ones from the best to the worst; None where that has to be found out anew.
        self._waiting: list[str] | None = []
        # By mIoU alone a new trial is put in its place; with costs one more may change all places.
        self._losses: list[tuple[float, int]] = []
        self._arrival: dict[str, int] = {}
        self._places: dict[str, int] | None = None

    def add(self, trial_id: str, point: Point) -> None:
        """Take in a trial that reached the rung."""
        self._arrival[trial_id] = len(self.points)
        self.points[trial_id] = point
        self._places = None
        if len(point) > 1:
            self._waiting = None
        insort(self._losses, (-point[0], self._arrival[trial_id]))

    def pause(self, trial_id: str) -> None:
        """Let a trial wait here."""
        self._paused.add(trial_id)
        if self._waiting is not None:
            insort(self._waiting, trial_id, key=self._place)

    def leave(self, trial_id: str) -> None:
        """Take in that a trial waits no more, if it did."""
        if trial_id in self._paused:
            self._paused.remove(trial_id)
            if self._waiting is not None:
                self._waiting.remove(trial_id)

    def broke(self, trial_id: str) -> None:
        """Take in that a trial broke here or on the way to the next rung: another takes its place."""
        self._broken.add(trial_id)

    @property
    def waiting(self) -> Sequence[str]:
        """The paused trials, the best first."""
        if self._waiting is None:
            self._waiting = sorted(self._paused, key=self._place)
        return self._waiting

    def waiting_beyond(self, place: int) -> Sequence[str]:
        """The paused trials whose places are beyond one."""
        if len(self.points) - len(self._broken) <= place:
            return ()
        return self.waiting[bisect_right(self.waiting, place, key=self.place) :]

    def still_in(self, coming: int, survivors: int) -> int:
        """Trials that hold a place among the survivors for good, though so many may still come.

        Args:
            coming: Trials that may still arrive here.
            survivors: How many go on if they do.
        """
        forfeited = (name for name in self.forfeited - self._broken if self.place(name) + coming <= survivors)
        return len(self.passed) - len(self.passed & self._broken) + sum(1 for _ in forfeited)

    def place(self, trial_id: str) -> int:
        """1 for the best; trials that broke hold no place."""
        place = self._place(trial_id)
        return place - sum(self._place(name) < place for name in self._broken)

    def value_at(self, place: int) -> float | None:
        """The mIoU that holds a place; None if nobody does."""
        return -self._losses[place - 1][0] if 0 < place <= len(self._losses) else None

    def _place(self, trial_id: str) -> int:
        if len(self.points[trial_id]) == 1:
            return bisect_right(self._losses, (-self.points[trial_id][0], self._arrival[trial_id]))
        if self._places is None:
            self._places = {name: place for place, name in enumerate(ranked(self.points), start=1)}
        return self._places[trial_id]


class Comparison:
    """Trials that are compared with each other.

    Attributes:
        rungs: The rungs, ascending.
        to_come: Trials that will still be added.
        entrants: Trials that take part, by name.
    """

    def __init__(self, steps: Sequence[int], reduction_factor: int, fewest: int) -> None:
        self.rungs = [Rung(step) for step in steps]
        self.to_come = 0
        self.entrants: dict[str, Entrant] = {}
        self._reduction_factor = reduction_factor
        self._fewest = fewest

    def coming(self, index: int) -> int:
        """Trials that may still arrive at a rung."""
        coming = self.to_come
        for number, rung in enumerate(self.rungs[: index + 1]):
            if number > 0:
                below = self.rungs[number - 1]
                survivors = self._survivors(len(below.points) + coming)
                # No more than are there to come: places may stay empty after others broke.
                coming = max(0, min(survivors - below.still_in(coming, survivors), len(below.waiting) + coming))
            coming += rung.approaching
        return coming

    def last_place(self, index: int) -> int:
        """The place at a rung that goes on even if all that may still arrive there are better."""
        coming = self.coming(index)
        return self._survivors(len(self.rungs[index].points) + coming) - coming

    def lowest_place(self, index: int) -> int:
        """The place at a rung that goes on if all that may still arrive there are worse."""
        return self._survivors(len(self.rungs[index].points) + self.coming(index))

    def _survivors(self, arrivals: int) -> int:
        return survivors(arrivals, self._reduction_factor, self._fewest)


def survivors(arrivals: int, reduction_factor: int, fewest: int = FEWEST_SURVIVORS) -> int:
    """Of this many trials at a rung, how many go on."""
    return min(arrivals, max(fewest, round(arrivals / reduction_factor) + ONE_MORE))
