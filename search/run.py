"""The main command: `python -m search.run --space unet` searches, and ends in a report with a verdict."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from search.options import MAY_CHANGE_ON_RESUME, make_parser
from spaces.command_line import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    check_resume_options,
    run_command,
    terminated_as_interrupted,
)
from spaces.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection

    import psutil

    from search.conclusion import Outcome
    from search.planning import PlannedSearch
    from search.settings import SearchSettings
    from search.worker_pool import WorkerPool
    from trainables.tracking.search_recorder import SearchRecorder


def main(words: Sequence[str]) -> int:
    """Run the command.

    Raises:
        spaces.errors.InputError: If an option, a file or the data are wrong.
    """
    options = make_parser().parse_args(words)
    if options.resume:
        check_resume_options(options, MAY_CHANGE_ON_RESUME, "search")
        return _resume(options)
    from search.worker_pool import check_forecast_options

    check_forecast_options(options)
    if options.address is not None:
        from search.ray_session import cluster_session

        with cluster_session(options.address) as machines:
            return _start(options, _planned(options, machines))
    from trainables.compute.machines import this_machine

    return _start(options, _planned(options, this_machine()))


def _planned(options: argparse.Namespace, machines: object) -> "PlannedSearch":
    from search.planning import plan_search
    from trainables.compute.machines import Machines

    assert isinstance(machines, Machines)  # noqa: S101 - typed loosely to keep torch out of --help
    return plan_search(options, machines)


def _start(options: argparse.Namespace, planned: "PlannedSearch") -> int:
    from search.folder import PANELS, TRIALS
    from search.settings import write_settings
    from trainables.run_folder import create_folder, free_folder, locked
    from trainables.tracking.search_recorder import SearchRecorder

    for note in planned.notes:
        _say(note)
    if not options.dry_run:
        free_folder(Path(options.runs), planned.settings.name)
    settings, lines = _sized(planned, on_cluster=options.address is not None)
    if options.dry_run:
        for line in lines:
            _say(line)
        timed = "besides timing a few steps, " if planned.needs_timing else ""
        _say(f"dry run: {timed}nothing was started or written")
        return EXIT_DONE
    # A tracking server that can't be reached is told before anything is there.
    recorder = SearchRecorder(settings.tracking_uri, search_name=settings.name)
    folder = create_folder(Path(options.runs), settings.name, TRIALS, PANELS)
    with locked(folder):
        write_settings(settings, folder)
        _say(f"search {settings.name} in {folder}")
        _say(f"  to end it early: python -m search.stop --search {settings.name}{_runs_words(folder)}")
        for line in lines:
            _say(f"  {line}")
        return _run(settings, folder, planned.encoder_states, recorder, address=options.address)


def _sized(planned: "PlannedSearch", *, on_cluster: bool) -> "tuple[SearchSettings, list[str]]":
    """The settings with the sizes that a budget or equal device-seconds lead to, and the plan for people."""
    from datetime import datetime

    from search.budget import sized
    from search.forecast import forecast
    from search.layouts import with_layouts
    from search.pacing import in_own_processes, measured_pace, on_ray
    from search.plan import plan_lines

    settings, paces, began = planned.settings, None, time.monotonic()
    if planned.pool is not None:
        return _sized_for_workers(planned, planned.pool, on_cluster=on_cluster)
    if planned.needs_timing:
        run = on_ray if on_cluster else in_own_processes
        settings = with_layouts(settings, None, _say, run)
        _say("timing a few steps, evaluations and checkpoints of each space")
        paces = {space: measured_pace(settings, space, run) for space in settings.spaces}
        settings, chosen = sized(settings, paces, planned.given, spent_seconds=time.monotonic() - began)
        for line in chosen:
            _say(line)
    return settings, plan_lines(settings, forecast(settings, paces), datetime.now(), planned.checkpoint_mb)


def _sized_for_workers(
    planned: "PlannedSearch", pool: "WorkerPool", *, on_cluster: bool
) -> "tuple[SearchSettings, list[str]]":
    """The same for a search on workers that are not there, with a forecast for several numbers of them."""
    from dataclasses import replace
    from datetime import datetime

    from search.budget import sized
    from search.driver_pace import measured_driver_pace
    from search.forecast import forecast
    from search.layouts import with_layouts
    from search.pacing import in_own_processes, measured_pace, on_ray
    from search.plan import plan_lines
    from search.worker_forecast import Basis, on_given_workers, worker_forecast_lines, worker_forecasts
    from search.worker_pool import timed_here

    run = on_ray if on_cluster else in_own_processes
    here = with_layouts(timed_here(planned.settings, planned.machines), None, _say, run)
    _say("timing a few steps, evaluations and checkpoints of each space")
    measured = {space: measured_pace(here, space, run) for space in here.spaces}
    paces = on_given_workers(measured, pool)
    settings, chosen = sized(planned.settings, paces, planned.given)
    for line in chosen:
        _say(line)
    basis = Basis(
        settings=settings,
        pool=pool,
        measured=measured,
        driver=measured_driver_pace(settings),
        here=planned.machines.description,
    )
    # Its time on so many workers is the table's.
    plan = plan_lines(settings, replace(forecast(settings, paces), seconds=None), datetime.now(), planned.checkpoint_mb)
    return settings, [*plan, *worker_forecast_lines(basis, worker_forecasts(basis))]


def _resume(options: argparse.Namespace) -> int:
    from datetime import datetime

    from search.encoder_starts import encoder_states_again
    from search.folder import existing_folder
    from search.forecast import forecast
    from search.plan import plan_lines
    from search.settings import read_settings
    from trainables.run_folder import locked
    from trainables.tracking.search_recorder import SearchRecorder

    folder = existing_folder(Path(options.runs), options.name)
    with locked(folder):
        settings = read_settings(folder).with_memory_options(options.loader_workers, options.image_cache_gb)
        if options.dry_run:
            for line in plan_lines(settings, forecast(settings), datetime.now()):
                _say(line)
            _say("dry run: nothing was started or written")
            return EXIT_DONE
        _say(f"going on with {settings.name} in {folder}")
        states = encoder_states_again(settings)
        recorder = None
        try:
            recorder = SearchRecorder(settings.tracking_uri, search_name=settings.name)
        except InputError as error:
            # What a search needs to go on is in its folder; MLflow gets the rest when it is back.
            _say(f"MLflow is away, its records wait in the journal: {error}")
        if options.address is None:
            return _run(settings, folder, states, recorder, address=None)
        from search.ray_session import cluster_session

        with cluster_session(options.address):
            return _run(settings, folder, states, recorder, address=options.address)


def _run(
    settings: "SearchSettings",
    folder: Path,
    states: dict[str, dict[str, object]],
    recorder: "SearchRecorder | None",
    *,
    address: str | None,
) -> int:
    import contextlib

    from search.ray_session import local_session, prepare_environment

    prepare_environment()
    from search.execution import run_search
    from search.layouts import with_layouts
    from search.ray_health import watching_ray
    from search.resources import check_fit
    from trainables.compute.machines import this_machine

    again = _resume_command(settings.name, folder, address)
    with contextlib.ExitStack() as stack:
        if address is None:
            machines = this_machine()
            check_fit(settings.device, machines)
            stack.enter_context(local_session(machines.cpus, machines.gpus))
        # After Ray's start, which has a handler of its own for requests to terminate.
        stack.enter_context(terminated_as_interrupted())
        stack.enter_context(watching_ray(lambda dead, below: _leave(dead, below, again)))
        try:
            settings = with_layouts(settings, folder, _say)
        except KeyboardInterrupt:
            _say(f"interrupted; go on with: {again}")
            return EXIT_INTERRUPTED
        outcome = run_search(settings, folder, states, recorder, _say, lines=not sys.stdout.isatty())
    if outcome.halted is not None:
        sys.stderr.write(f"failed: {outcome.halted}; make room, then go on with: {again}\n")
        return EXIT_FAILED
    _tell_outcome(settings, folder, outcome)
    if not outcome.finished:
        _say(f"interrupted; go on with: {again}")
        return EXIT_INTERRUPTED
    return EXIT_DONE if outcome.summary["best"] and not outcome.failures else EXIT_FAILED


def _tell_outcome(settings: "SearchSettings", folder: Path, outcome: "Outcome") -> None:
    from search.outputs import training_command
    from search.spending import spending_lines
    from trainables.tracking.uri import ui_command

    summary = outcome.summary
    reasons = ", ".join(f"{count} {reason}" for reason, count in summary["trials"].items())
    _say(
        f"trials and finals: {reasons}; the search spent {summary['steps_spent']} of {summary['steps_full']} steps, "
        f"the finals {summary['steps_spent_finals']}"
    )
    for line in spending_lines(summary["spent"], settings):
        _say(line)
    if summary["stopped"]:
        _say("the search was stopped by search.stop, so there are no further finals")
    if summary["counterfactuals"] is not None:
        _say(summary["counterfactuals"]["sentence"])
    if summary["audit"]["stopped"] or summary["audit"]["checked"]:
        _say(summary["audit"]["sentence"])
    if summary["unreadable_images"]:
        _say(f"{summary['unreadable_images']} unlabelled images can't be read and were skipped")
    if not summary["best"]:
        _say(f"no trial gave a result; the error of each is in {folder / 'results.parquet'} and the journal")
    for space, best in summary["best"].items():
        _say(f"best of {space}: {best['trial_id']}, foreground mIoU {best['best_miou']:.4f} on validation")
        _say(f"  train it in full: {training_command(folder, space)}")
    if summary["decision"] is not None:
        _say(f"verdict: {summary['decision']['sentence']}")
    if outcome.report is not None:
        _say(f"report: {outcome.report}")
    _say(f"MLflow UI: {ui_command(settings.tracking_uri, folder.parent)}")
    for failure in outcome.failures:
        sys.stderr.write(f"{failure}\n")


def _runs_words(folder: Path) -> str:
    return "" if folder.parent == Path("runs") else f" --runs {folder.parent}"


def _resume_command(name: str, folder: Path, address: str | None) -> str:
    cluster = f" --address {address}" if address else ""
    return f"python -m search.run --resume --name {name} --runs {folder.parent}{cluster}"


def _leave(dead: str, below: "Collection[psutil.Process]", again: str) -> None:
    """End the program at once: without Ray's processes its driver would wait, and then end without a word of ours."""
    if sys.stdout.isatty():
        # A live table hides the cursor.
        sys.stdout.write("\x1b[?25h\n")
    sys.stdout.flush()
    sys.stderr.write(f"failed: Ray died ({dead}); all up to the last evaluations is kept; go on with: {again}\n")
    sys.stderr.flush()
    from search.ray_health import end_processes

    end_processes(below)
    os._exit(EXIT_FAILED)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run_command(main)
