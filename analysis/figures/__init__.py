"""The figures of the report. A new one is a module beside these with a `FIGURE`, and a line in `FIGURES`."""

from analysis.figures import (
    class_iou,
    confusion,
    finalist_front,
    finalists,
    front,
    front_3d,
    hyperparameters,
    hypervolume_history,
    learning_curves,
    rungs,
    timeline,
)
from analysis.figures.figure import Drawing, Figure

FIGURES: tuple[Figure, ...] = (
    finalist_front.PARAMETERS,
    finalist_front.LATENCY,
    front.PARAMETERS,
    front.LATENCY,
    front_3d.FIGURE,
    hypervolume_history.FIGURE,
    finalists.FIGURE,
    class_iou.FIGURE,
    confusion.FIGURE,
    learning_curves.FIGURE,
    timeline.FIGURE,
    rungs.FIGURE,
    hyperparameters.FIGURE,
)

__all__ = ["FIGURES", "Drawing", "Figure"]
