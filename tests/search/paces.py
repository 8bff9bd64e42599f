"""How fast spaces train, by a formula."""

from search.pacing import MeasuredPace
from trainables.training.pace import Pace


def make_pace(step: float = 1.0, **changes: float) -> MeasuredPace:
    """The pace of trials whose steps take that many seconds."""
    uncertainty = changes.pop("uncertainty", 0.0)
    content = {"evaluation": step, "checkpoint": 0.1 * step, "start": step, "test": 2 * step} | changes
    return MeasuredPace(Pace(step=step, **content), uncertainty)
