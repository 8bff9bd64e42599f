"""Where searches are recorded: tracking URIs, the local database and its artifact folder. No MLflow."""

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path, PurePath

from spaces.errors import InputError

DATABASE_FILE = "mlflow.db"
ARTIFACTS_FOLDER = "mlartifacts"

DATABASE_SCHEMES = ("sqlite", "postgresql", "mysql", "mssql")
SERVER_SCHEMES = ("http", "https")

_LOCK_SECONDS = 5.0
_SQLITE_PREFIX = "sqlite:///"
_UNREADABLE_MARKS = "?%"
"""MLflow and SQLAlchemy don't read these alike in a database's URI."""


def local_tracking_uri(runs_dir: Path) -> str:
    """URI of the database that local searches are recorded in: `RUNS/mlflow.db`, as an absolute path.

    Raises:
        InputError: The folder's path holds a question mark or a percent sign.
    """
    database = runs_dir.resolve() / DATABASE_FILE
    if any(mark in str(database) for mark in _UNREADABLE_MARKS):
        raise InputError(f"--runs {runs_dir}: a path with ? or % can't hold MLflow's database; name one without")
    return sqlite_uri(database)


def sqlite_uri(database: PurePath) -> str:
    """URI of a SQLite database: three slashes and the absolute path, of whatever system."""
    return _SQLITE_PREFIX + database.as_posix()


def ui_command(tracking_uri: str, runs_dir: Path) -> str:
    """The command that shows what is recorded at a URI, as it may be shown: without a password."""
    if tracking_uri == local_tracking_uri(runs_dir):
        return f"python -m search.ui --runs {runs_dir}"
    return f"python -m search.ui --tracking-uri {without_password(tracking_uri)}"


def scheme_of(tracking_uri: str) -> str:
    """The kind of a tracking URI: its scheme without the driver (postgresql+psycopg2: postgresql)."""
    return tracking_uri.partition(":")[0].partition("+")[0].lower()


def database_path(tracking_uri: str) -> Path | None:
    """The file behind a SQLite tracking URI, absolute; None for every other kind of URI."""
    if scheme_of(tracking_uri) != "sqlite":
        return None
    return Path(path_text(tracking_uri)).absolute()


def path_text(sqlite: str) -> str:
    """The path that the URI of a SQLite database holds, as it is written there."""
    return sqlite.partition(":///")[2].partition("?")[0]


def artifacts_folder(database: Path) -> Path:
    """Where the artifacts of a local database are kept: beside it."""
    return database.parent / ARTIFACTS_FOLDER


def without_password(text: str) -> str:
    """A text in which the passwords of URIs are starred out, as it may be shown."""
    return re.sub(r"(://[^:/@\s]*):[^/@\s]*@", r"\1:***@", text)


def check_tracking_uri(tracking_uri: str, *, must_exist: bool = False) -> None:
    """Check what can be checked without MLflow and without making anything: the URI's kind, a local database's file.

    Args:
        tracking_uri: A database or server.
        must_exist: Refuse a local database that is not there, instead of leaving it to be created.

    Raises:
        InputError: The URI is of no supported kind, or its file is missing, no database, or can't be written.
    """
    path = database_path(tracking_uri)
    known = scheme_of(tracking_uri) in (*DATABASE_SCHEMES, *SERVER_SCHEMES)
    if not known or (path is not None and not tracking_uri.partition(":///")[2]):
        raise InputError(
            f"--tracking-uri {without_password(tracking_uri)}: not the URI of a database or server; "
            f"right are {_SQLITE_PREFIX}FOLDER/{DATABASE_FILE} and http://HOST:PORT"
        )
    if path is None:
        return
    if any(mark in str(path) for mark in _UNREADABLE_MARKS):
        raise InputError(f"--tracking-uri {tracking_uri}: a path with % can't hold it; name one without")
    if must_exist and not path.is_file():
        raise InputError(f"{path}: there is no such MLflow database; run a search first, or name its --runs folder")
    try:
        if path.exists():
            with closing(sqlite3.connect(path, timeout=_LOCK_SECONDS)) as database:
                # Taking the write lock finds a read-only file, a full disk and a file that is no database.
                database.execute("BEGIN IMMEDIATE")
                database.rollback()
        else:
            _check_can_be_made(path)
    except (OSError, sqlite3.Error) as error:
        raise InputError(
            f"{path}: can't be used as MLflow database ({error}); name a place that can be written"
        ) from error


def _check_can_be_made(path: Path) -> None:
    """Raise OSError where a file can't be made; nothing is made."""
    folder = next((parent for parent in path.parents if parent.exists()), path.parent)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} can't be written")
