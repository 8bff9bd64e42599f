"""A confusion matrix as a picture."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

INCHES_PER_CLASS = 0.8
"""Side of a class's cell, so that two digits fit into it at any number of classes."""


def confusion_picture(matrix: NDArray[np.int64], classes: Sequence[str]) -> bytes:
    """Draw a confusion matrix, each row as shares of the true class's pixels.

    Args:
        matrix: (C, C) pixels, rows = truth; a class without pixels is said to have none.
        classes: The C names.

    Returns:
        A PNG file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from sklearn.metrics import ConfusionMatrixDisplay

    pixels = matrix.sum(axis=1, keepdims=True)
    shares = 100 * matrix / np.maximum(pixels, 1)
    labels = [
        _literal(name if found else f"{name} (no pixel)") for name, found in zip(classes, pixels[:, 0], strict=True)
    ]
    side = 2.5 + INCHES_PER_CLASS * len(classes)
    # A figure of its own, without pyplot: this runs in a thread beside others, and pyplot's state belongs to the first.
    figure = Figure(figsize=(side, side), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    display = ConfusionMatrixDisplay(shares, display_labels=labels)
    display.plot(ax=axes, cmap="Blues", values_format=".1f", xticks_rotation=45.0, colorbar=False)
    for label in axes.get_xticklabels():
        label.set_horizontalalignment("right")
    axes.set(xlabel="predicted", ylabel="true", title="Share of each true class's pixels, %")
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()


def _literal(text: str) -> str:
    """Text without matplotlib's mathematics, which dollar signs begin."""
    return text.replace("$", r"\$")
