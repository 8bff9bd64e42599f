"""Writing the report: `python -m analysis.report --search NAME-or-DIR`.

It leaves, in the folder `report` of the search: `index.html`, one page that opens without a network; `trials.csv`,
`curves.csv` and one CSV per figure; `decision.json` for machines and `decision.md` for pull requests.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from spaces.command_line import EXIT_DONE, OneLineArgumentParser, add_debug_option, run_command
from spaces.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from analysis.decision_record import Budgets, Deployment
    from analysis.page.method import ReportOptions
    from analysis.page.plots import DrawnFigure
    from analysis.results import SearchResults

DEFAULT_RUNS = "runs"
REPORT_FOLDER = "report"
PAGE_FILE = "index.html"
PICTURES_FOLDER = "pictures"


def write_report(
    results: "SearchResults",
    folder: Path,
    *,
    deployment: "Deployment" = "any",
    budgets: "Budgets | None" = None,
    images: bool = False,
    options: "ReportOptions | None" = None,
) -> Path:
    """Decide, draw and write the report of a search; each file is replaced whole.

    Args:
        results: What the search left behind.
        folder: Where the files go; made if it is not there.
        deployment: What the verdict is for.
        budgets: Limits for an edge deployment; none by default.
        images: Also write every plot as SVG and PNG, where a browser for it is at hand.
        options: The other options of the command that this is done for, which the page repeats; by default those
            with which the command would find the search whose folder `folder` is in.

    Returns:
        The page's path.

    Raises:
        InputError: The folder can't be written.
    """
    from analysis.decision import decide
    from analysis.decision_markdown import decision_markdown
    from analysis.figures.context import figure_context
    from analysis.model_card import CARD_FILE, model_card
    from analysis.page.page import render_page
    from analysis.page.plots import csv_name, draw_figures
    from analysis.results import SETTINGS_FILE
    from analysis.tables import write_atomically

    decision = decide(results, deployment=deployment, budgets=budgets)
    context = figure_context(results)
    drawn = draw_figures(results, context)
    tables = {"trials.csv": results.trials, "curves.csv": results.curves}
    contents = {"trials.csv": "one row per trial", "curves.csv": "one row per evaluation"}
    for one in drawn:
        if len(one.data):
            tables[csv_name(one.figure)] = one.data
            contents[csv_name(one.figure)] = f"data of: {one.figure.title}"
    texts = {
        "decision.json": json.dumps(decision.to_json(), indent=2, ensure_ascii=False) + "\n",
        "decision.md": decision_markdown(decision),
    }
    contents |= {"decision.json": "the verdict for machines", "decision.md": "the verdict for pull requests"}
    in_search = (folder.parent / SETTINGS_FILE).is_file()
    if (card := model_card(results, decision, folder.parent if in_search else None)) is not None:
        texts[CARD_FILE], contents[CARD_FILE] = card, "the model card, for whoever gets the model"
    own_options = options or _options_for(str(results.settings.get("name") or "search"), folder, images=images)
    page = render_page(results, decision, drawn, context, beside=tuple(contents.items()), options=own_options)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            write_atomically(folder / name, partial(_write_csv, table))
        for name, text in texts.items():
            write_atomically(folder / name, partial(_write_text, text))
        # The page comes last: whoever sees it finds the files that it names.
        write_atomically(folder / PAGE_FILE, partial(_write_text, page))
    except OSError as error:
        raise InputError(f"{folder}: the report can't be written ({error}); name a folder that can") from error
    if images:
        _write_pictures(drawn, folder / PICTURES_FOLDER)
    return folder / PAGE_FILE


def _options_for(name: str, folder: Path, *, images: bool) -> "ReportOptions":
    """The options by which the command finds a search of this name and writes into this folder."""
    from analysis.page.method import ReportOptions

    in_search = folder.name == REPORT_FOLDER and folder.parent.name == name
    runs = folder.parent.parent if in_search else Path(DEFAULT_RUNS)
    return ReportOptions(
        search=name,
        runs=None if runs == Path(DEFAULT_RUNS) else str(runs),
        out=None if in_search else str(folder),
        images=images,
    )


def _write_csv(table: "pd.DataFrame", file: Path) -> None:
    """Write a table; what is missing is empty. Arrow takes a tenth of the time that pandas takes."""
    import pyarrow
    import pyarrow.csv

    pyarrow.csv.write_csv(pyarrow.Table.from_pandas(table, preserve_index=False), file)


def _write_text(text: str, file: Path) -> None:
    file.write_text(text, encoding="utf-8", newline="\n")


def _write_pictures(drawn: "tuple[DrawnFigure, ...]", folder: Path) -> None:
    """Write every plot as a picture, or say in one line why there are none."""
    from analysis.figures.embedding import Picture, PicturesUnavailableError, write_pictures
    from analysis.page.plots import place_identity

    folder.mkdir(parents=True, exist_ok=True)
    pictures = [
        Picture(
            plot=drawing.plot,
            path=folder / place_identity(one.figure, drawing).removeprefix("plot-"),
            height=drawing.height,
            title=", ".join(text for text in (one.figure.title, drawing.group, drawing.title) if text),
        )
        for one in drawn
        for drawing in one.drawings
    ]
    try:
        write_pictures(pictures)
    except PicturesUnavailableError as error:
        sys.stderr.write(f"warning: no pictures of the figures: {error}; the page does not need them\n")


def make_parser() -> OneLineArgumentParser:
    """The parser of the command; importing this module loads no plotting and no table library."""
    parser = OneLineArgumentParser(
        prog="python -m analysis.report",
        description="Write a search's report: one page with the verdict first, and its data as CSV beside it.",
    )
    parser.add_argument("--search", required=True, metavar="NAME-or-DIR", help="name of a search, or its folder")
    parser.add_argument("--runs", default=DEFAULT_RUNS, metavar="DIR", help="folder that holds the searches")
    parser.add_argument(
        "--tracking-uri", metavar="URI", help="read the search from this MLflow database or server, not from its folder"
    )
    parser.add_argument("--out", metavar="DIR", help="folder of the report (RUNS/NAME/report)")
    parser.add_argument(
        "--deployment", choices=("any", "edge", "server"), help="what the verdict is for (what the search was for)"
    )
    parser.add_argument("--max-latency-ms", type=_positive, metavar="MS", help="edge: limit of one image's latency, ms")
    parser.add_argument("--max-parameters", type=_positive, metavar="N", help="edge: limit of the parameters")
    parser.add_argument("--max-memory-mb", type=_positive, metavar="MB", help="edge: limit of the peak memory, MB")
    parser.add_argument("--costs", metavar="FILE", help="CSV of costs measured elsewhere, instead of the search's own")
    parser.add_argument("--images", action="store_true", help="also write the plots as SVG and PNG; needs a browser")
    add_debug_option(parser)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    options = make_parser().parse_args(arguments)
    results, folder = _read(options)
    from analysis.decision_record import Budgets
    from analysis.page.method import ReportOptions

    if options.costs is not None:
        from analysis.measured_costs import read_costs_file, with_costs

        results = with_costs(results, read_costs_file(Path(options.costs)))
    page = write_report(
        results,
        Path(options.out) if options.out else folder / REPORT_FOLDER,
        deployment=options.deployment or results.settings.get("deployment") or "any",
        budgets=Budgets(
            max_latency_ms=options.max_latency_ms,
            max_parameters=options.max_parameters,
            max_memory_mb=options.max_memory_mb,
        ),
        images=options.images,
        options=ReportOptions(
            search=options.search,
            runs=None if options.runs == DEFAULT_RUNS else options.runs,
            tracking_uri=options.tracking_uri,
            costs=options.costs,
            out=options.out,
            images=options.images,
        ),
    )
    sys.stdout.write(f"{page}\n")
    return EXIT_DONE


def _read(options: argparse.Namespace) -> "tuple[SearchResults, Path]":
    """The results, and the search's folder (which MLflow alone can do without)."""
    runs, search = Path(options.runs), str(options.search)
    if options.tracking_uri:
        from analysis.mlflow_results import read_mlflow

        name = Path(search).name
        return read_mlflow(options.tracking_uri, name), runs / name
    from analysis.results import read_search_folder

    folder = searched_folder(runs, search)
    return read_search_folder(folder), folder


def searched_folder(runs: Path, search: str) -> Path:
    """The folder of a search, by its name or its path.

    Raises:
        InputError: If there is none.
    """
    for folder in (Path(search), runs / search):
        if folder.is_dir():
            return folder
    raise InputError(f"--search {search}: no such search; {_known_searches(runs)}")


def _known_searches(runs: Path) -> str:
    names = sorted(path.parent.name for path in runs.glob("*/settings.json"))
    if not names:
        return f"{runs} holds none: give --runs, or the search's folder"
    listed = ", ".join(names[-5:])
    return f"{runs} holds {listed}" if len(names) <= 5 else f"the last ones in {runs} are {listed}"


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is out of range; right is a number above 0")
    return number


if __name__ == "__main__":
    run_command(main)
