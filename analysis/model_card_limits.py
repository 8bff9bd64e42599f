"""What a model card says of a model's limits."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.model_card_subject import Subject
from analysis.model_card_values import setting

if TYPE_CHECKING:
    from analysis.results import SearchResults

RARE_SHARE = 0.01
"""A class with less than this share of the test part's pixels is called rare."""

FEW_GROUPS = 3
"""A class that fewer photos or captures of the test part have is called rare, too, where it has that many."""


def limits_of(
    results: "SearchResults",
    subject: Subject,
    names: list[str],
    counts: "np.ndarray[Any, np.dtype[np.int64]] | None",
    unit: str,
) -> Iterator[str]:
    """Sentences on what the model is not good for, or what is not known of it.

    Args:
        results: The search.
        subject: The model.
        names: Of the classes.
        counts: Pixels of each class in each group of the test part, (G, C); None where it was not evaluated there.
        unit: What a group is: "photo" or "capture".
    """
    settings = results.settings
    if not (settings.get("data") or {}).get("root"):
        yield "Its images were drawn by a program: it has seen no real photo, and is an example, not a model to use."
    if counts is not None:
        yield from _class_limits(names, counts, unit)
    if subject.trial["stop_reason"] not in {"completed", "patience"}:
        yield f"Its training ended early, at step {int(subject.trial['step'])} ({subject.trial['stop_reason']})."
    if settings.get("preset") == "demo":
        steps = setting(settings.get("max_steps"))
        yield f"The search was made at the size of a demo (preset demo, {steps} steps a training), not of a full one."
    yield (
        "Not measured: other cameras, resolutions, heights, seasons, weather and regions; photos with faults; how "
        "scores differ between places; photos that are made to mislead it."
    )


def _class_limits(names: list[str], counts: "np.ndarray[Any, np.dtype[np.int64]]", unit: str) -> Iterator[str]:
    shares = counts.sum(axis=0) / max(1, int(counts.sum()))
    seen = (counts > 0).sum(axis=0)
    for index, name in enumerate(names[: counts.shape[-1]]):
        if not seen[index]:
            yield f"Class {name}: the test part has none of it, so nothing is known of how well it is found."
        elif shares[index] < RARE_SHARE or seen[index] < min(FEW_GROUPS, len(counts)):
            groups = f"{seen[index]} of {len(counts)} {unit}s"
            share = f"{shares[index]:.2%} of its pixels"
            yield f"Class {name} is rare in the test part ({share}, in {groups}): its IoU is little known."
