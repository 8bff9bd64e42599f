"""Starting Ray on this machine, or joining a cluster: quiet, with token authentication, no usage reports."""

import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from search.resources import cluster
from spaces.errors import InputError
from trainables.compute.machines import Machines

CONNECT_SECONDS = 5.0
"""A host that has not answered by then can't be reached."""

TOKEN_FILE = Path("~/.ray/auth_token")
"""Where Ray looks for its token when the environment names none."""


def prepare_environment() -> None:
    """Set Ray's switches; they are read when Ray is imported, so this comes first."""
    quiet = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AIR_NEW_OUTPUT": "0",
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "TUNE_RESULT_BUFFER_LENGTH": "1",
        "TUNE_WARN_THRESHOLD_S": "10",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }
    os.environ.update(quiet)
    # Ray's processes listen on all interfaces even on one machine: nobody gets in without the token.
    os.environ["RAY_AUTH_MODE"] = "token"


@contextlib.contextmanager
def local_session(cpus: int, gpus: int) -> Iterator[None]:
    """Run Ray's processes on this machine while the block lasts.

    Each session has a random token of its own, known to its own processes alone.
    """
    prepare_environment()
    before = {name: os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS")}
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    os.environ.pop("RAY_AUTH_TOKEN_PATH", None)
    os.environ.pop("RAY_ADDRESS", None)
    import ray

    try:
        with _children_not_terminated():
            ray.init(
                address="local",
                num_cpus=cpus,
                num_gpus=gpus,
                include_dashboard=False,
                dashboard_host="127.0.0.1",
                log_to_driver=False,
                logging_level=logging.ERROR,
                configure_logging=True,
            )
        _quiet_loggers()
        yield
    finally:
        ray.shutdown()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def cluster_session(address: str) -> Iterator[Machines]:
    """Join a running cluster while the block lasts.

    Raises:
        InputError: If there is no token, the cluster can't be reached, or it does not take the token.
    """
    prepare_environment()
    if not _has_token():
        raise InputError(
            f"--address {address}: no token for the cluster; set RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH, "
            f"or put the cluster's token into {TOKEN_FILE}"
        )
    _check_something_listens(address)
    # Ray asks this often, ten seconds each, before it says that a token is wrong.
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "2")
    import ray

    try:
        with _silent_standard_error():
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"--address {address}: no Ray cluster answers there with this token ({reason}); "
            "check the address, that the cluster runs, and the token"
        ) from error
    try:
        _quiet_loggers()
        yield cluster(ray.cluster_resources())
    finally:
        ray.shutdown()


@contextlib.contextmanager
def _children_not_terminated() -> Iterator[None]:
    """Let processes that are started in the block take no request to terminate; Ray's get SIGKILL in the end.

    `timeout` or a service's stop asks the whole group of processes. Ray's would end at once and the driver with them,
    in the middle of its work; so it alone hears the request, ends in good order, and then ends Ray.
    """
    if not hasattr(signal, "pthread_sigmask"):
        # Windows has no such requests.
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _check_something_listens(address: str) -> None:
    """Ray itself waits for minutes at an address where nobody answers."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdigit():
        raise InputError(f"--address {address}: write HOST:PORT (a head's port is 6379 by default), or auto")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"--address {address}: nothing answers there ({error}); start or correct it") from None


@contextlib.contextmanager
def _silent_standard_error() -> Iterator[None]:
    """Keep what Ray's compiled part writes there from standing before our own one line; what goes wrong is raised."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w", encoding="utf-8") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _has_token() -> bool:
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    path = Path(named) if named else TOKEN_FILE.expanduser()
    return bool(os.environ.get("RAY_AUTH_TOKEN")) or path.is_file()


def _quiet_loggers() -> None:
    for name in ("ray", "ray.tune", "ray.train", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
