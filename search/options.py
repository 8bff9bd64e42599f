"""The options of `python -m search.run`."""

import argparse

from search.samplers.names import SAMPLER_NAMES
from search.schedulers.registry import SCHEDULERS
from spaces.command_line import OneLineArgumentParser, add_debug_option
from spaces.errors import InputError
from spaces.loading import builtin_space_names
from spaces.presets import preset_names

MAY_CHANGE_ON_RESUME = {"resume", "name", "runs", "address", "debug", "dry_run"}
"""Options that a resumed search takes; all others are its own, from settings.json."""

HIGHEST_SEED = 2**31 - 1


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
    what.add_argument("--trials", type=_positive, metavar="N", help="trials per space, the baseline included")
    what.add_argument("--max-steps", type=_positive, metavar="N", help="optimiser steps of a full training")
    what.add_argument("--eval-every", type=_positive, metavar="N", help="steps between evaluations")
    what.add_argument("--finalist-seeds", type=_not_negative, metavar="N", help="seeds of the finals, 0 for none")
    what.add_argument("--seed", type=_seed, metavar="N", help="seed of sampler, split and trials (0)")

    rules = parser.add_argument_group("how trials are proposed and stopped")
    rules.add_argument("--scheduler", choices=tuple(SCHEDULERS), help="which rule stops trials early (asha)")
    rules.add_argument("--grace-steps", type=_positive, metavar="N", help="steps before a trial may be stopped")
    rules.add_argument("--reduction-factor", type=_factor, metavar="N", help="at a rung one trial in N goes on")
    rules.add_argument("--search-alg", choices=SAMPLER_NAMES, help="how configurations are proposed (tpe)")

    data = parser.add_argument_group("data")
    data.add_argument("--data", metavar="DIR", help="folder of captures; without it a built-in procedural data set")
    data.add_argument("--class-mapping", metavar="CSV", help="class names and colours (DIR/class_mapping.csv)")
    data.add_argument("--labeled-list", metavar="TXT", help="labelled photos, one a line (DIR/labeled_files.txt)")
    data.add_argument("--split-by", choices=("auto", "photo", "capture"), help="what is kept together (auto)")
    data.add_argument(
        "--encoder-weights",
        metavar="WHERE",
        help="imagenet, none, or ENCODER=PATH[,ENCODER=PATH] (imagenet with --data, none without)",
    )
    data.add_argument(
        "--allow-unequal-starts",
        action="store_true",
        default=None,
        help="search pretrained and unpretrained spaces together; they get no verdict",
    )

    machines = parser.add_argument_group("machines")
    machines.add_argument("--cpus-per-trial", metavar="[SPACE=]N,...", help="CPU cores of a trial (1, 4 with a GPU)")
    machines.add_argument("--gpus-per-trial", metavar="[SPACE=]N,...", help="GPUs of a trial; fractions share one")
    machines.add_argument("--concurrent-trials", type=_positive, metavar="N", help="trials at once (what fits)")
    machines.add_argument("--address", metavar="HOST:PORT", help="join this Ray cluster ('auto': this machine's)")

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


def check_resume_options(options: argparse.Namespace) -> None:
    """Refuse options that would make a resumed search another one.

    Raises:
        InputError: If there is one.
    """
    for name, value in vars(options).items():
        if value is not None and name not in MAY_CHANGE_ON_RESUME:
            option = "--" + name.replace("_", "-")
            raise InputError(f"--resume goes on with the search's own settings; leave out {option}")


def _positive(text: str) -> int:
    return _whole(text, 1)


def _not_negative(text: str) -> int:
    return _whole(text, 0)


def _seed(text: str) -> int:
    number = _whole(text, 0)
    if number > HIGHEST_SEED:
        raise argparse.ArgumentTypeError(f"{number} is too large; at most {HIGHEST_SEED}")
    return number


def _factor(text: str) -> int:
    return _whole(text, 2)


def _whole(text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
    if number < least:
        raise argparse.ArgumentTypeError(f"{number} is too small; {least} or more")
    return number
