"""Pictures inside the page: the predictions of trials, as data URIs."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.results import Panel


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture inside the page: its text, and its bytes as a data URI."""

    caption: str
    source: str


def pictures_by_trial(
    panels: "tuple[Panel, ...]", trial_ids: Iterable[str]
) -> tuple[dict[str, tuple[Picture, ...]], tuple[Picture, ...]]:
    """Panels by the trial that made them, and those of none of these trials.

    Args:
        panels: The search's; the name of each begins with its trial's name and a hyphen.
        trial_ids: Trials to look for.
    """
    # The longest name first: "unet-1-1" is a panel of "unet-1", and would be one of a trial "unet" as well.
    known = sorted({trial for trial in trial_ids if trial}, key=len, reverse=True)
    found: dict[str, list[Picture]] = {}
    rest = []
    for panel in panels:
        picture = Picture(panel.caption, "data:image/png;base64," + base64.b64encode(panel.png).decode("ascii"))
        owner = next((trial for trial in known if panel.name.startswith(f"{trial}-")), None)
        if owner is None:
            rest.append(picture)
        else:
            found.setdefault(owner, []).append(picture)
    return {trial: tuple(its) for trial, its in found.items()}, tuple(rest)
