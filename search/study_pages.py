"""Optuna's own dashboard on the studies of a search, where it is installed."""

import importlib.util
import sys
from pathlib import Path

from spaces.errors import InputError
from trainables.run_folder import check_name

HOW_TO_INSTALL = 'pip install -e ".[dashboard]"'

_SERVE = "import sys, optuna_dashboard as d; d.run_server(sys.argv[1], host=sys.argv[2], port=int(sys.argv[3]))"


def studies_to_show(runs: Path, name: str | None) -> Path | None:
    """The file with the studies of a search: of the one named, or of the latest that has one.

    Args:
        runs: Folder of all searches.
        name: Name of the search, or None.

    Returns:
        The file; None if no name is given and there is none.

    Raises:
        InputError: The search that is named has none.
    """
    from search.study_database import STUDIES

    if name is not None:
        path = runs / check_name(name) / STUDIES
        if not path.is_file():
            raise InputError(f"--name {name}: there is no {path}; it is there once a trial of a search has ended")
        return path
    found = runs.glob(f"*/{STUDIES}") if runs.is_dir() else ()
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def dashboard_installed() -> bool:
    """Whether Optuna's dashboard can be started."""
    return importlib.util.find_spec("optuna_dashboard") is not None


def dashboard_command(studies: Path, host: str, port: int) -> tuple[str, ...]:
    """The words that serve the dashboard."""
    from sqlalchemy import URL

    url = URL.create("sqlite", database=str(studies.absolute())).render_as_string()
    return (sys.executable, "-c", _SERVE, url, host, str(port))
