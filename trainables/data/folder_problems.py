"""What the contents of a data folder's labelled images, and their number, give to think about."""

from collections import Counter

import numpy as np

from trainables.data.capture_listing import Problem
from trainables.data.dataset import ClassMapping
from trainables.data.inspection_table import InspectionTable
from trainables.data.records import RecordTable

UNKNOWN_COLOURS = "unknown colours"
MOST_NAMED = 5
"""Unknown colours that are named, the most frequent ones."""


def unlabelled_problems(records: RecordTable) -> list[Problem]:
    """Captures of which some images are labelled and others are not."""
    without = np.flatnonzero(~records.labelled)
    images = np.bincount(records.capture_codes, minlength=len(records.captures)).tolist()
    captures, firsts, counts = np.unique(records.capture_codes[without], return_index=True, return_counts=True)
    # A capture without any mask is unlabelled as a whole, on purpose; one with some may have lost others.
    return [
        Problem(
            "warning",
            "images without mask",
            f"{records.captures[capture]}: {count:,} of {images[capture]:,} images have no mask, or are not listed, "
            f"and count as unlabelled; the first: {records.names[int(without[first])]}",
        )
        for capture, first, count in zip(captures.tolist(), firsts.tolist(), counts.tolist(), strict=True)
        if count < images[capture]
    ]


def content_problems(classes: ClassMapping, inspected: InspectionTable) -> list[Problem]:
    """Masks that hold what is no class, and classes that no mask holds."""
    problems = []
    strangers: Counter[str] = Counter()
    for listed in inspected.unknown_values.values():
        strangers.update(dict(listed))
    if inspected.unknown_pixels.any():
        problems.append(_unknown_colours(inspected, strangers))
    totals = inspected.counts.sum(axis=0)
    if len(inspected) and not totals.any():
        most = ", ".join(text for text, _ in strangers.most_common(3)) or "nothing but 255"
        text = f"no mask holds a colour or index of {', '.join(classes.names[:3])}...; they hold {most}"
        problems.append(Problem("error", "no known colour", text))
    elif len(inspected):
        for name, total in zip(classes.names, totals.tolist(), strict=True):
            if not total:
                problems.append(Problem("warning", "class without pixels", f"{name}: no mask holds this class"))
    return problems


def _unknown_colours(inspected: InspectionTable, strangers: Counter[str]) -> Problem:
    """All masks together: what one class was left out for would fill a line for each of them."""
    # What is ignored on purpose is no label.
    pixels = inspected.counts.sum(axis=1) + inspected.unknown_pixels
    shares = inspected.unknown_pixels / np.maximum(pixels, 1)
    share = int(inspected.unknown_pixels.sum()) / int(pixels.sum())
    masks, most = int(np.count_nonzero(inspected.unknown_pixels)), int(shares.argmax())
    named = ", ".join(text for text, _ in strangers.most_common(MOST_NAMED))
    others = ", ..." if len(strangers) > MOST_NAMED else ""
    text = (
        f"{share:.2%} of the labelled pixels are of no class and ignored: {named}{others}; in {masks:,} of "
        f"{len(inspected):,} masks, most in {inspected.names[most]} ({shares[most]:.2%})"
    )
    return Problem("warning", UNKNOWN_COLOURS, text)
