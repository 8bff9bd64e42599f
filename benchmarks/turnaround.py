"""What a search costs beside its trainings: between two trials, and at every report.

    python -m benchmarks.turnaround

The first figure is the time from a trial's last result to the first optimiser step of the next one in the same
process: Ray's ways, scheduler and searcher, journal, and the making of network, optimiser and first batch; for trials
that go on after a pause, the reading of their checkpoint, too. The second is what scheduler, searcher and journal
(on disk, each event there before the search goes on) take at every report of a long search, without Ray. Both stand
beside stock Ray Tune: AsyncHyperBandScheduler and OptunaSearch, which keep no journal.
"""

import statistics
import sys
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.reporting import benchmark_parser, names_among, report
from spaces.command_line import EXIT_DONE, run_command
from spaces.errors import InputError
from spaces.option_types import positive

if TYPE_CHECKING:
    from benchmarks.actor_turnaround import Turnaround

SPACES = ("unet", "deeplabv3plus")

MOST_TURNAROUND_SECONDS = 0.5
MOST_MS_PER_REPORT = 10.0


def main(words: Sequence[str]) -> int:
    """Measure, print the table."""
    options = _options(words)
    from search.ray_session import prepare_environment

    prepare_environment()
    rows: list[dict[str, Any]] = []
    findings: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        _measure_reports(options, Path(name), rows, findings)
        if options.trials:
            _measure_turnarounds(options, Path(name), rows, findings)
    report("What a search costs beside its trainings", rows, options, **findings)
    return EXIT_DONE


def _options(words: Sequence[str]) -> Namespace:
    parser = benchmark_parser("turnaround", "What a search costs beside its trainings, beside stock Ray Tune.")
    parser.add_argument("--spaces", type=names_among("--spaces", SPACES), default=SPACES, help="commas between")
    parser.add_argument("--trials", type=positive, default=8, help="real trials of each contender")
    parser.add_argument("--formula-trials", type=positive, default=1000, help="trials of the search without training")
    options = parser.parse_args(words)
    if options.quick:
        options.spaces, options.trials, options.formula_trials = ("unet",), 3, 20
    return options


def _measure_reports(options: Namespace, folder: Path, rows: list[dict[str, Any]], findings: dict[str, Any]) -> None:
    from benchmarks.controller_cost import our_costs, stock_costs

    trials = options.formula_trials
    told = (max(1, trials // 4), max(1, trials // 2), trials)
    ours, memory = our_costs(trials, folder, told)
    stock = stock_costs(trials, folder)
    for name, watch in (("ours", ours), ("stock", stock)):
        rows.append(
            {
                "contender": name,
                "what": "report",
                "trials": trials,
                "reports": watch.reports,
                **{f"{part} ms": watch.ms_per_report(part) for part in ("scheduler", "searcher", "journal")},
                "all ms": watch.ms_per_report("controller"),
                "all CPU ms": watch.cpu_ms_per_report("controller"),
            }
        )
    findings["ms_per_report"] = ours.ms_per_report("controller")
    findings["ms_per_report_kept"] = findings["ms_per_report"] < MOST_MS_PER_REPORT
    for number, megabytes in memory.items():
        findings[f"memory_mb_at_{number}_trials"] = megabytes


def _measure_turnarounds(
    options: Namespace, folder: Path, rows: list[dict[str, Any]], findings: dict[str, Any]
) -> None:
    from benchmarks.actor_turnaround import our_turnarounds, stock_turnarounds, turnaround_settings
    from search.ray_session import local_session

    with local_session(1, 0):
        for space in options.spaces:
            place = folder / space
            place.mkdir()
            settings = turnaround_settings(space, options.trials, place, steps=2 if options.quick else None)
            sys.stderr.write(f"{space}: ours, stock with reuse, stock without\n")
            ours = our_turnarounds(settings, place)
            fresh = [one for one in ours if not one.resumed]
            rows.append(_row(space, "ours", "next trial", fresh))
            if resumed := [one for one in ours if one.resumed]:
                rows.append(_row(space, "ours", "trial that goes on", resumed))
            medians = {"ours": rows[-1 if not resumed else -2]["median s"]}
            for name, reuse in (("stock with reuse", True), ("stock without", False)):
                row = _row(space, name, "next trial", stock_turnarounds(settings, place, reuse=reuse))
                rows.append(row)
                medians[name] = row["median s"]
            findings[f"{space}_seconds_to_next_trial"] = medians["ours"]
            findings[f"{space}_kept"] = medians["ours"] < MOST_TURNAROUND_SECONDS
            findings[f"{space}_stock_with_reuse_over_ours"] = medians["stock with reuse"] / medians["ours"]
            findings[f"{space}_stock_without_over_ours"] = medians["stock without"] / medians["ours"]


def _row(space: str, contender: str, what: str, found: "list[Turnaround]") -> dict[str, Any]:
    if not found:
        raise InputError("--trials: too few for a turnaround; 3 or more are right")
    seconds = [one.seconds for one in found]
    return {
        "contender": contender,
        "what": f"{space}, {what}",
        "trials": len(found),
        "in one process": sum(one.reused for one in found),
        "median s": statistics.median(seconds),
        "worst s": max(seconds),
    }


if __name__ == "__main__":
    run_command(main)
