"""Choosing how the trials of each space compute: measured once, where they will run, then kept."""

from collections.abc import Callable
from pathlib import Path

from search.pacing import Run, measured_layout, on_ray
from search.settings import SearchSettings, write_settings


def with_layouts(
    settings: SearchSettings, folder: Path | None, write: Callable[[str], None], run: Run = on_ray
) -> SearchSettings:
    """The settings with a layout for every space, in settings.json too.

    What settings.json has already is taken as it is: a resumed search computes as it began.

    Args:
        settings: The search.
        folder: Its folder, locked by the caller; None where there is none yet.
        write: Takes lines for people.
        run: Where it is measured; by default on Ray, which must be running.

    Raises:
        InputError: If a space's baseline can't be trained on the device at all.
    """
    missing = [space for space in settings.spaces if space not in settings.layouts]
    if missing:
        write("measuring how each space trains fastest")
    for space in missing:
        chosen = measured_layout(settings, space, run)
        settings = settings.model_copy(update={"layouts": {**settings.layouts, space: chosen}})
        if folder is not None:
            write_settings(settings, folder)
        write(f"layout of {space}: {chosen.line()}")
    return settings
