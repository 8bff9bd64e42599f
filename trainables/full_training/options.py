"""The options of `python -m trainables.train`."""

from spaces.command_line import OneLineArgumentParser, add_debug_option
from spaces.configuration import REFERENCE_STEPS
from spaces.loading import builtin_space_names
from spaces.option_types import positive, seed
from trainables.compute.options import add_compute_options
from trainables.data.source_options import add_data_options

MAY_CHANGE_ON_RESUME = {"resume", "name", "runs", "debug", "loader_workers", "image_cache_gb"}
"""Options that a resumed training takes; all others are its own, from settings.json."""


def make_parser() -> OneLineArgumentParser:
    """The parser of the command; importing this module loads neither torch nor MLflow."""
    parser = OneLineArgumentParser(
        "python -m trainables.train",
        "Train one configuration in full, resumably, and keep its best model. Ctrl-C ends it in good order.",
    )
    what = parser.add_argument_group("what is trained")
    what.add_argument(
        "--config",
        metavar="FILE",
        help="a trial's file from a search folder, a space's YAML, or a YAML or JSON of configuration values; "
        f"or the recipe of {', '.join(builtin_space_names())}",
    )
    what.add_argument("--max-steps", type=positive, metavar="N", help=f"optimiser steps ({REFERENCE_STEPS:,})")
    what.add_argument("--eval-every", type=positive, metavar="N", help="steps between evaluations (150 in all)")
    what.add_argument("--seed", type=seed, metavar="N", help="seed of weights and order of images (the trial's, or 0)")

    data = parser.add_argument_group("data; a trial's file has its own")
    add_data_options(data)
    data.add_argument("--split-seed", type=seed, metavar="N", help="seed of the split (the trial's, or 0)")
    data.add_argument(
        "--validation-windows", type=positive, metavar="N", help="windows that a validation covers at most (all)"
    )
    data.add_argument(
        "--evaluate-test",
        action="store_true",
        default=None,
        help="evaluate the best model on the test part at the end: once, when nothing is chosen any more",
    )

    machine = parser.add_argument_group("how it computes")
    machine.add_argument("--device", metavar="NAME", help="cpu, cuda or cuda:N (a GPU if there is one)")
    machine.add_argument("--threads", type=positive, metavar="N", help="CPU threads (the machine's cores)")
    add_compute_options(machine)

    places = parser.add_argument_group("where things go")
    places.add_argument("--name", help="name of the training (a dated one)")
    places.add_argument("--runs", metavar="DIR", default="runs", help="folder of all runs and the MLflow database")
    places.add_argument("--tracking-uri", metavar="URI", help="MLflow server or database (RUNS/mlflow.db)")
    places.add_argument("--resume", action="store_true", help="go on with the training --name, or the latest")
    add_debug_option(parser)
    return parser
