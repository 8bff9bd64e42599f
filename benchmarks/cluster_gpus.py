"""Whether trials that take half a GPU and trials that take a whole one get on side by side.

    python -m benchmarks.cluster_gpus

Two nodes on this machine offer a GPU each, which nobody uses: Ray counts them all the same. UNet's trials take half of
one, DeepLabV3+'s a whole one, as with `--gpus-per-trial unet=0.5,deeplabv3plus=1`; they follow a formula instead of
training. A trial that waits for a whole GPU must not wait while ever more halves are given away, and must not keep
halves from being used. Linux only.
"""

import os
import secrets
import sys
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.reporting import benchmark_parser, report
from spaces.command_line import EXIT_DONE, EXIT_FAILED, run_command
from spaces.errors import InputError
from spaces.option_types import positive

if TYPE_CHECKING:
    from search.settings import SearchSettings
    from trainables.journal import Event

NODES = 2

GPUS = {"unet": 0.5, "deeplabv3plus": 1.0}
"""What a trial takes."""

MOST_OVERTAKEN = 8
"""Trials of the other space that may start while one waits: twice as many as run at once."""


def main(words: Sequence[str]) -> int:
    """Run the search, print the table; fails where a space starved or more GPUs were in use than there are."""
    parser = benchmark_parser(
        "cluster_gpus", "Whether trials with half a GPU and with a whole one get on side by side."
    )
    parser.add_argument("--trials", type=positive, default=12, help="of each space (default: 12)")
    options = parser.parse_args(words)
    if sys.platform != "linux":
        raise InputError("benchmarks.cluster_gpus: Ray's clusters are Linux only; run it there")
    if options.quick:
        options.trials = 4
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="segpareto-gpus-")))
        return _run(options, place)


def _run(options: Namespace, place: Path) -> int:
    from benchmarks.cluster import run_on_cluster
    from benchmarks.cluster_nodes import cluster
    from search.ray_session import prepare_environment

    prepare_environment()
    # Imports Ray, which reads its switches then.
    from benchmarks.cluster_trainable import CheckpointedFormulaTrial

    token = os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    with cluster(token, {}) as made:
        for _ in range(NODES):
            made.start_node(cpus=4, gpus=1)
        events = run_on_cluster(_settings(options, place), place, made.address, CheckpointedFormulaTrial)
    stretches = _stretches(events)
    rows = [_row(space, events, stretches) for space in GPUS]
    in_use, mean = _gpus_in_use(stretches)
    report("Half and whole GPUs", rows, options, gpus=NODES, gpus_in_use_at_most=in_use, gpus_in_use_on_average=mean)
    starved = any(row["overtaken at most"] > MOST_OVERTAKEN for row in rows)
    return EXIT_FAILED if starved or in_use > NODES else EXIT_DONE


def _settings(options: Namespace, place: Path) -> "SearchSettings":
    from benchmarks.formula_trials import formula_settings
    from search.resources import concurrent_trials
    from trainables.compute.machines import Machines

    settings = formula_settings(options.trials, place, "gpus", space=",".join(GPUS))
    (layout,) = settings.layouts.values()
    machines = Machines(cpus=4 * NODES, gpus=NODES, description="", memory_gb=1.0)
    cpus = dict.fromkeys(GPUS, 1.0)
    device = settings.device.model_copy(
        update={
            "cpus_per_trial": cpus,
            "gpus_per_trial": GPUS,
            "concurrent_trials": concurrent_trials(machines, cpus, GPUS, None),
        }
    )
    return settings.model_copy(update={"device": device, "layouts": dict.fromkeys(GPUS, layout)})


def _stretches(events: "list[Event]") -> list[tuple[str, float, float]]:
    """Space, start and end of each time that a trial ran."""
    spaces = {event["trial_id"]: event["space"] for event in events if event["event"] == "proposed"}
    began: dict[str, float] = {}
    found = []
    for event in events:
        if event["event"] == "started":
            began[event["trial_id"]] = event["time"]
        elif event["event"] == "decided" and event["action"] != "continue" and event["trial_id"] in began:
            found.append((spaces[event["trial_id"]], began.pop(event["trial_id"]), event["time"]))
    return found


def _row(space: str, events: "list[Event]", stretches: list[tuple[str, float, float]]) -> dict[str, Any]:
    """How long trials of a space waited after they were proposed, and how many of the other started meanwhile."""
    started: dict[str, float] = {}
    for event in events:
        if event["event"] == "started":
            started.setdefault(event["trial_id"], event["time"])
    waits = [
        (event["time"], started[event["trial_id"]])
        for event in events
        if event["event"] == "proposed" and event["space"] == space
    ]
    overtaken = [sum(other != space and begin < at < end for other, at, _ in stretches) for begin, end in waits]
    own = [end - begin for name, begin, end in stretches if name == space]
    return {
        "space": space,
        "GPUs of a trial": GPUS[space],
        "trials": len(waits),
        "ran s": sum(own),
        "mean wait s": sum(end - begin for begin, end in waits) / len(waits),
        "longest wait s": max(end - begin for begin, end in waits),
        "overtaken at most": max(overtaken),
    }


def _gpus_in_use(stretches: list[tuple[str, float, float]]) -> tuple[float, float]:
    """The most at a time, and the mean over time."""
    changes = sorted(
        [(begin, GPUS[space]) for space, begin, _ in stretches] + [(end, -GPUS[space]) for space, _, end in stretches]
    )
    in_use = most = area = 0.0
    before = changes[0][0]
    for at, change in changes:
        area += in_use * (at - before)
        before, in_use = at, in_use + change
        most = max(most, in_use)
    return most, area / (changes[-1][0] - changes[0][0])


if __name__ == "__main__":
    run_command(main)
