"""Reaching MLflow: opening a client, and telling what it raises apart."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from spaces.errors import InputError
from trainables.tracking.uri import (
    SERVER_SCHEMES,
    check_tracking_uri,
    database_path,
    scheme_of,
    without_password,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

_CHECK_SECONDS = 5
_MAKING_SECONDS = 120
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


class TrackingError(Exception):
    """MLflow did not take what was to be recorded."""


class TrackingUnavailable(TrackingError):  # noqa: N818 - reads as the state it reports
    """The server, database or artifact store can't be reached: the same call may succeed later."""


class TrackingRejected(TrackingError):  # noqa: N818 - reads as the state it reports
    """The server refused (a run deleted meanwhile, an invalid value): repeating the call won't help."""


def connect(tracking_uri: str, *, must_exist: bool = False) -> "MlflowClient":
    """Open a client on a tracking URI and make sure, within seconds, that something answers there.

    A local database is created when it is missing. MLflow's usage telemetry is off, and a request to a
    server is repeated once instead of for minutes, unless the environment says otherwise. MLflow's own log
    lines are not shown: what goes wrong is raised.

    Args:
        tracking_uri: A database or server.
        must_exist: Refuse a local database that is not there.

    Raises:
        InputError: Nothing usable answers at the URI.
    """
    check_tracking_uri(tracking_uri, must_exist=must_exist)
    for name, value in _ENVIRONMENT.items():
        # MLflow takes these from the environment only, telemetry's at its first import.
        os.environ.setdefault(name, value)
    import sqlalchemy
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    path = database_path(tracking_uri)
    uri = tracking_uri if path is None else f"sqlite:///{path.as_posix()}"
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        with _patience(seconds=_CHECK_SECONDS):
            if path is None and scheme_of(uri) not in SERVER_SCHEMES:
                # MLflow retries a database for minutes; one attempt of our own says the same at once.
                sqlalchemy.create_engine(uri).connect().close()
            with _alone_at(path):
                client = MlflowClient(tracking_uri=uri)
                client.search_experiments(max_results=1)
    except (MlflowException, sqlalchemy.exc.SQLAlchemyError, OSError, ImportError, ValueError) as error:
        raise InputError(
            f"--tracking-uri {without_password(tracking_uri)}: no MLflow database or server can be used there"
            f" ({_reason(error)}); start the server, correct the URI, or leave the option out"
        ) from error
    return client


@contextmanager
def _alone_at(database: Path | None) -> Iterator[None]:
    """Keep processes from making the tables of one local database at the same time, which MLflow can't."""
    from filelock import FileLock, Timeout

    lock = None if database is None else FileLock(database.with_name(f".{database.name}.lock"))
    if lock is not None:
        try:
            lock.acquire(timeout=_MAKING_SECONDS)
        except Timeout:
            raise
        except OSError:
            # Where nothing can be written nobody makes tables.
            lock = None
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


@contextmanager
def _patience(*, seconds: int) -> Iterator[None]:
    """Within it, a request to a server is made once and waits at most `seconds`."""
    limits = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": str(seconds)}
    before = {name: os.environ[name] for name in limits}
    os.environ.update(limits)
    try:
        yield
    finally:
        os.environ.update(before)


@contextmanager
def translated() -> Iterator[None]:
    """Turn what MLflow, its database and artifact stores raise into the errors a caller tells apart."""
    import sqlalchemy
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        status = error.get_http_status_code()
        may_pass = status >= 500 or status in (408, 409, 429, 499)
        raise (TrackingUnavailable if may_pass else TrackingRejected)(_reason(error)) from error
    except (OSError, sqlalchemy.exc.SQLAlchemyError) as error:
        # What `requests` and the artifact stores raise are kinds of OSError.
        raise TrackingUnavailable(_reason(error)) from error


def _reason(error: Exception) -> str:
    """The first line of an error, without passwords: MLflow explains itself over many lines."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return without_password(lines[0])[:300]
