"""The options of `python -m search.run`."""

import argparse

from search.objectives import objectives
from search.samplers.names import SAMPLER_NAMES
from search.schedulers.names import SCHEDULER_NAMES
from spaces.command_line import OneLineArgumentParser, add_debug_option
from spaces.loading import builtin_space_names
from spaces.option_types import amount, duration, not_negative, positive, seed, share, whole
from spaces.presets import preset_names
from trainables.compute.options import add_compute_options
from trainables.data.source_options import add_data_options

MAY_CHANGE_ON_RESUME = {"resume", "name", "runs", "address", "debug", "dry_run", "loader_workers", "image_cache_gb"}
"""Options that a resumed search takes; all others are its own, from settings.json."""


def make_parser() -> OneLineArgumentParser:
    """The parser of the command; importing this module loads neither torch, Ray nor MLflow."""
    parser = OneLineArgumentParser(
        "python -m search.run",
        "Search segmentation models fairly, stop bad trials early, and end in a report with a verdict.",
    )
    what = parser.add_argument_group("what is searched")
    what.add_argument(
        "--space",
        help=f"{', '.join(builtin_space_names())}, several with commas, 'all', or the path of a YAML file",
    )
    what.add_argument("--preset", choices=preset_names(), help="size of the search (demo without a GPU, full with one)")
    what.add_argument("--trials", type=positive, metavar="N", help="trials per space, the baseline included")
    what.add_argument("--max-steps", type=positive, metavar="N", help="optimiser steps of a full training")
    what.add_argument("--eval-every", type=positive, metavar="N", help="steps between evaluations")
    what.add_argument("--finalist-seeds", type=not_negative, metavar="N", help="seeds of the finals, 0 for none")
    what.add_argument("--seed", type=seed, metavar="N", help="seed of sampler, split and trials (0)")
    what.add_argument("--warm-start", metavar="SEARCH", help="first try the best configurations of this other search")
    what.add_argument("--finalists", type=positive, metavar="K", help="best K of each space are re-run for the verdict")

    budget = parser.add_argument_group("budgets")
    budget.add_argument(
        "--budget", type=duration, metavar="TIME", help="plan trials, steps and rungs to fit, for example 90m, 8h, 2d"
    )
    budget.add_argument(
        "--equal", choices=("trials", "device-seconds"), help="what all spaces get the same of (trials)"
    )

    rules = parser.add_argument_group("how trials are proposed and stopped")
    rules.add_argument("--scheduler", choices=SCHEDULER_NAMES, help="which rule stops trials early (asha)")
    rules.add_argument(
        "--grace-steps",
        type=positive,
        metavar="N",
        help="steps before the first rung (as warm-up, self-training and EMA need)",
    )
    rules.add_argument("--reduction-factor", type=_factor, metavar="N", help="at a rung one trial in N goes on (3)")
    rules.add_argument(
        "--late-promotion",
        action=argparse.BooleanOptionalAction,
        help="pause trials at rungs until it is certain which go on (asha; yes)",
    )
    rules.add_argument(
        "--curve-prediction",
        action=argparse.BooleanOptionalAction,
        help="stop trials whose predicted end can't win, too (no)",
    )
    rules.add_argument(
        "--objectives",
        type=objectives,
        metavar="NAME,...",
        help="what is optimised: miou, and costs: parameters, latency, memory (miou)",
    )
    rules.add_argument(
        "--audit-fraction", type=share, metavar="X", help="share of stopped trials trained on as a check (0)"
    )
    rules.add_argument("--search-alg", choices=SAMPLER_NAMES, help="how configurations are proposed (tpe)")

    data = parser.add_argument_group("data")
    add_data_options(data)
    data.add_argument(
        "--allow-unequal-starts",
        action="store_true",
        default=None,
        help="search pretrained and unpretrained spaces together; they get no verdict",
    )

    machines = parser.add_argument_group("machines")
    machines.add_argument("--cpus-per-trial", metavar="[SPACE=]N,...", help="CPU cores of a trial (1, 4 with a GPU)")
    machines.add_argument("--gpus-per-trial", metavar="[SPACE=]N,...", help="GPUs of a trial; fractions share one")
    machines.add_argument("--concurrent-trials", type=positive, metavar="N", help="trials at once (what fits)")
    machines.add_argument("--address", metavar="HOST:PORT", help="join this Ray cluster ('auto': this machine's)")

    cluster = parser.add_argument_group("forecasts for a cluster, with --dry-run")
    cluster.add_argument(
        "--workers", type=positive, metavar="N", help="wall time and cost on so many; a worker is what one trial takes"
    )
    cluster.add_argument("--price-per-hour", type=amount, metavar="X", help="of a worker, in any currency")
    cluster.add_argument(
        "--step-seconds", metavar="[SPACE=]S,...", help="seconds of a training step on a worker (as timed here)"
    )
    cluster.add_argument("--worker-start", type=duration, metavar="TIME", help="until a new worker is there (no time)")

    speed = parser.add_argument_group("how trials compute, the same for all trials of a space")
    add_compute_options(speed)

    places = parser.add_argument_group("where things go")
    places.add_argument("--name", help="name of the search (a dated one)")
    places.add_argument("--runs", metavar="DIR", default="runs", help="folder of all searches and the MLflow database")
    places.add_argument("--storage", metavar="DIR-or-URI", help="checkpoints, shared by all nodes (RUNS/NAME)")
    places.add_argument("--tracking-uri", metavar="URI", help="MLflow server or database (RUNS/mlflow.db)")
    places.add_argument("--deployment", choices=("edge", "server"), help="what the verdict is for")
    places.add_argument("--resume", action="store_true", help="go on with the search --name, or the latest")
    places.add_argument("--dry-run", action="store_true", help="print the plan and start nothing")
    add_debug_option(parser)
    return parser


def _factor(text: str) -> int:
    return whole(text, 2)
