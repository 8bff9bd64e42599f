"""What a search optimises: mIoU alone, or mIoU and costs of the network, as `--objectives` says it."""

import argparse
from collections.abc import Sequence

OBJECTIVE_NAMES = ("miou", "parameters", "latency", "memory")

MEASURED_OBJECTIVES = ("latency", "memory")
"""Costs that are known only after the network has run on the device."""


def objectives(text: str) -> tuple[str, ...]:
    """Parse `miou,parameters,latency`; mIoU must be among them, and comes first.

    Raises:
        argparse.ArgumentTypeError: If a name is unknown or mIoU is missing.
    """
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in OBJECTIVE_NAMES:
            raise argparse.ArgumentTypeError(f"{text}: {name!r} is unknown; any of: {', '.join(OBJECTIVE_NAMES)}")
    if "miou" not in names:
        raise argparse.ArgumentTypeError(f"{text}: miou must be among them")
    return tuple(name for name in OBJECTIVE_NAMES if name in names)


def cost_objectives(names: Sequence[str]) -> tuple[str, ...]:
    """The objectives that are costs, less being better, in their order."""
    return tuple(name for name in names if name != "miou")


def measured_objectives(names: Sequence[str]) -> tuple[str, ...]:
    """Those of them that have to be measured before the first trial."""
    return tuple(name for name in names if name in MEASURED_OBJECTIVES)
