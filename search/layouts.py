"""Choosing how the trials of each space compute: measured once, where they will run, then kept."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.settings import SearchSettings, write_settings
from spaces.configuration import TrialConfig
from spaces.errors import InputError
from trainables.compute.layout_settings import LayoutSettings

if TYPE_CHECKING:
    from trainables.compute.layout_measurement import LayoutChoice


def with_layouts(settings: SearchSettings, folder: Path, write: Callable[[str], None]) -> SearchSettings:
    """The settings with a layout for every space, in settings.json too; Ray must be running.

    What settings.json has already is taken as it is: a resumed search computes as it began.

    Args:
        settings: The search.
        folder: Its folder, locked by the caller.
        write: Takes lines for people.

    Raises:
        InputError: If a space's baseline can't be trained on the device at all.
    """
    missing = [space for space in settings.spaces if space not in settings.layouts]
    if missing:
        write("measuring how each space trains fastest")
    for space in missing:
        chosen = _measured(settings, space)
        settings = settings.model_copy(update={"layouts": {**settings.layouts, space: chosen}})
        write_settings(settings, folder)
        write(f"layout of {space}: {chosen.line()}")
    return settings


def _measured(settings: SearchSettings, space: str) -> LayoutSettings:
    import ray

    device = settings.device
    # In a process of its own, that ends and gives the GPU's memory back, on a machine that trials of the space run on.
    remote = ray.remote(max_calls=1)(_choose)
    task = remote.options(num_cpus=device.cpus_per_trial[space], num_gpus=device.gpus_per_trial[space])
    try:
        choice: LayoutChoice = ray.get(
            task.remote(
                settings.spaces[space].baseline,
                classes=len(settings.data.classes),
                device=device.kind,
                threads=max(1, int(device.cpus_per_trial[space])),
                precision=None if device.precision == "auto" else device.precision,
                compiled=device.compile,
            )
        )
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, InputError):
            raise InputError(f"space {space}: {error.cause}") from None
        raise
    return LayoutSettings.of(choice)


def _choose(baseline: dict[str, Any], **options: Any) -> "LayoutChoice":
    from trainables.compute.layout_measurement import choose_layout

    return choose_layout(TrialConfig.model_validate(baseline), **options)
