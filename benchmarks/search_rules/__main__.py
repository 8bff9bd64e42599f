"""Compare rules for stopping trials early, over the same learning curves.

    python -m benchmarks.search_rules [--curves-file FILE] [--sources recorded ...] [--contenders ours ...]

Every contender tries the same configurations in the same order on the same simulated clock. A configuration's true
worth is the mean of the last 3 evaluations of its full curve, 0 where it diverged; a training that diverges ends by
itself, whoever watches. Regret is the true worth of the best configuration less that of the one that a user of the tool
would take: ours as `search.finalists` ranks them, of the peers' trials that got furthest the one with the best last
value, with patience the one with the best value.

Columns: N configurations and W workers; evaluations spent as a share of all full trainings; regret in points of mIoU;
share of repeats that end within 0.5 points of the best; regret within the architecture where it is largest; wall-clock
time relative to training everything to its end. The last column names what a peer is better in than ours, by more than
the 95 % interval of the paired difference; AHEAD says that ours is behind it: it spends no more compute and has less
regret or ends close to the best more often, or it spends less and is worse in neither.

Which trials are hopeless ours judges by recorded curves. It is never given those of the judged trials: on recorded ones
and on the surrogate's, its table is derived from the curves outside of the draw, and where fewer than 12 are left, none
is hopeless. Curves from formulas are judged by the table that ships.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.recorded_curves import CURVES_FILE
from benchmarks.reporting import benchmark_parser
from spaces.command_line import EXIT_DONE, run_command
from spaces.option_types import positive

if TYPE_CHECKING:
    from benchmarks.search_rules.tournament import Cell

SOURCE_NAMES = ("recorded", "surrogate", "proposed", "crossing", "architectures", "recipe", "recipe-crossing")


def main(words: Sequence[str]) -> int:
    """Play all repeats and print the table."""
    options = _options(words)
    from benchmarks.recorded_curves import read_recorded_curves
    from benchmarks.reporting import report
    from benchmarks.search_rules.comparison import rows_of
    from benchmarks.search_rules.contenders import CONTENDERS
    from benchmarks.search_rules.goals import goals
    from benchmarks.search_rules.grid import cells_of
    from benchmarks.search_rules.own_rules import FEWEST_KNOWN
    from benchmarks.search_rules.sources import SOURCES
    from benchmarks.search_rules.tournament import play_all

    names = options.contenders or list(CONTENDERS)
    unknown = [name for name in names if name not in CONTENDERS]
    if unknown:
        from spaces.errors import InputError

        raise InputError(f"--contenders: unknown {unknown[0]!r}; any of: {', '.join(CONTENDERS)}")
    curves = read_recorded_curves(options.curves_file)
    sources = {name: SOURCES[name](curves) for name in options.sources or SOURCES}
    missing = [name for name in names if not CONTENDERS[name].installed]
    playing = [name for name in names if name not in missing]
    cells, left_out = cells_of(sources, playing, options.trials, options.workers)
    figures = play_all(sources, cells, options.repeats, options.processes, _say)
    findings: dict[str, Any] = goals(figures)
    if missing:
        findings["not_installed"] = ", ".join(missing)
    nothing_hopeless = {
        f"{cell.source} with {cell.trials} trials": None
        for cell in cells
        if (most := sources[cell.source].most_trials()) is not None and most - cell.trials < FEWEST_KNOWN
    }
    if nothing_hopeless:
        findings["too_few_other_curves_for_ours_to_call_any_trial_hopeless"] = ", ".join(nothing_hopeless)
    if left_out:
        findings["left_out"] = "; ".join(left_out)
    report(
        f"Search rules: {options.repeats} repeats, {curves.count} recorded curves",
        rows_of(figures),
        options,
        **findings,
    )
    return EXIT_DONE


def _say(cell: "Cell") -> None:
    sys.stderr.write(f"{cell.source}, {cell.trials} trials, {cell.workers} workers: {cell.contender}\n")


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = benchmark_parser("search_rules", "Compare rules for stopping trials early over the same learning curves.")
    parser.add_argument("--curves-file", metavar="FILE", type=Path, default=CURVES_FILE, help="recorded curves")
    parser.add_argument("--repeats", type=positive, default=200, metavar="N", help="draws of configurations")
    parser.add_argument(
        "--sources",
        nargs="+",
        choices=SOURCE_NAMES,
        metavar="NAME",
        help=f"curves: {', '.join(SOURCE_NAMES)} (all)",
    )
    parser.add_argument("--trials", nargs="+", type=positive, metavar="N", help="configurations (16 32 64)")
    parser.add_argument("--workers", nargs="+", type=positive, metavar="N", help="trials at once (1 4 16 64)")
    parser.add_argument("--contenders", nargs="+", metavar="NAME", help="some of the contenders (all)")
    parser.add_argument("--processes", type=positive, default=2, metavar="N", help="at once, one thread each")
    options = parser.parse_args(words)
    if options.quick:
        options.repeats, options.trials, options.workers = 4, [16], [4]
    return options


if __name__ == "__main__":
    run_command(main)
