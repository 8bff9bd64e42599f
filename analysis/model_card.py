"""A model card from a search's records: `python -m analysis.model_card --search NAME-or-DIR`.

Markdown for whoever gets the model: what it is, what it was trained on, how well it does and how sure that is, what it
costs, what it is not good for, and how to repeat it. Sections follow the cards of Mitchell et al., "Model Cards for
Model Reporting", arXiv 1810.03993.
"""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spaces.command_line import EXIT_DONE, OneLineArgumentParser, add_debug_option, run_command
from spaces.errors import InputError

if TYPE_CHECKING:
    from analysis.decision_record import Decision
    from analysis.model_card_subject import Subject
    from analysis.results import SearchResults

CARD_FILE = "model_card.md"


def model_card(
    results: "SearchResults", decision: "Decision", folder: Path | None, trial_id: str | None = None
) -> str | None:
    """The card of a model of a search, as Markdown; every text from outside is escaped.

    Args:
        results: The search.
        decision: Its verdict.
        folder: The search's folder; None where it is not at hand.
        trial_id: Whose weights; None for the model that the verdict names, or else the best on validation.

    Returns:
        The card; None where no trial was asked for and none has a score.

    Raises:
        InputError: If there is no such trial, or it was never evaluated.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from analysis.markdown_text import Markdown, markdown_text
    from analysis.model_card_content import card_content
    from analysis.model_card_subject import subject_of

    subject = subject_of(results, decision, trial_id)
    if subject is None:
        return None

    def escaped(value: Any) -> Any:
        return value if isinstance(value, Markdown) else markdown_text(str(value))

    # Markdown is not HTML: every expression goes through our own escaping instead of the engine's.
    environment = Environment(  # noqa: S701
        loader=PackageLoader("analysis", "templates"),
        finalize=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    card = card_content(results, decision, subject, folder)
    commands = _commands(results, subject, folder)
    return environment.get_template(CARD_FILE).render(card=card, **commands)


def _commands(results: "SearchResults", subject: "Subject", folder: Path | None) -> dict[str, str]:
    """Commands by the name that the template gives them, as blocks of code."""
    from analysis.markdown_text import markdown_block
    from analysis.page.method import repeat_command
    from trainables.tracking.uri import without_password

    place = (folder or Path("runs") / str(results.settings.get("name"))).as_posix()
    weights = shlex.quote(f"{place}/trials/{subject.trial_id}/best.pt")
    predict = f"python -m trainables.predict --checkpoint {weights} PHOTOS"
    export = f"python -m trainables.export --checkpoint {weights} --format onnx --output model.onnx"
    again = " ".join(without_password(word) for word in repeat_command(results.settings).split(" "))
    card = f"python -m analysis.model_card --search {shlex.quote(place)} --trial {shlex.quote(subject.trial_id)}"
    full = f"python -m trainables.train --config {shlex.quote(f'{place}/{subject.configuration_file}')} --name shipped"
    return {
        "use_commands": markdown_block(f"{predict}\n{export}"),
        "repeat_commands": markdown_block(f"{again}\n{card}\n{full}"),
    }


def make_parser() -> OneLineArgumentParser:
    """The parser of the command; importing this module loads no table library."""
    from analysis.report import DEFAULT_RUNS

    parser = OneLineArgumentParser(
        prog="python -m analysis.model_card",
        description="Write a model card (Markdown) from a search's records.",
    )
    parser.add_argument("--search", required=True, metavar="NAME-or-DIR", help="name of a search, or its folder")
    parser.add_argument("--runs", default=DEFAULT_RUNS, metavar="DIR", help="folder that holds the searches")
    parser.add_argument("--trial", metavar="ID", help="whose weights (those that the verdict leads to)")
    parser.add_argument("--output", metavar="FILE", help="where it goes (REPORT/model_card.md of the search)")
    add_debug_option(parser)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    options = make_parser().parse_args(arguments)
    from analysis.decision import decide
    from analysis.report import REPORT_FOLDER, searched_folder
    from analysis.results import read_search_folder
    from analysis.tables import write_atomically

    folder = searched_folder(Path(options.runs), str(options.search))
    results = read_search_folder(folder)
    decision = decide(results, deployment=results.settings.get("deployment") or "any")
    card = model_card(results, decision, folder, options.trial)
    if card is None:
        raise InputError(f"--search {options.search}: no trial of it has a result, so there is no model to describe")
    target = Path(options.output) if options.output else folder / REPORT_FOLDER / CARD_FILE
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, lambda path: path.write_text(card, encoding="utf-8", newline="\n"))
    except OSError as error:
        raise InputError(f"--output {target}: can't be written ({error.strerror}); name a file that can") from error
    sys.stdout.write(f"{target}\n")
    return EXIT_DONE


if __name__ == "__main__":
    run_command(main)
