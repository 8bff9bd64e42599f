"""The figures of the report. A new one is a module beside these with a `FIGURE`, and a line in `FIGURES`."""

from analysis.figures import class_iou, finalist_front, finalists, front, hyperparameters, learning_curves
from analysis.figures.figure import Drawing, Figure

FIGURES: tuple[Figure, ...] = (
    finalist_front.PARAMETERS,
    finalist_front.LATENCY,
    front.PARAMETERS,
    front.LATENCY,
    finalists.FIGURE,
    class_iou.FIGURE,
    learning_curves.FIGURE,
    hyperparameters.FIGURE,
)

__all__ = ["FIGURES", "Drawing", "Figure"]
