"""Files that all nodes of a cluster reach by a URI, such as s3://bucket/path?endpoint_override=http://HOST:PORT.

Where a store is and how to get in are two things: the URI says where, the environment of each node (AWS_ACCESS_KEY_ID
and its like, a profile, or the machine's role) how. A URI is written down in settings and shown, keys never are.
"""

import re
from typing import Any
from urllib.parse import unquote, urlsplit

from spaces.errors import InputError

_SECRET = re.compile(
    r"(?:^|&)(?:[^=&]*(?:secret|password|token|access_?key|account_?key)[^=&]*|sig)=|:[^/@&]*@", re.IGNORECASE
)
"""Parts of a query that hold keys: by their name, or as USER:PASSWORD@ of an endpoint."""


def is_uri(location: str) -> bool:
    """Whether a location is a URI and no folder."""
    return "://" in location


def joined(uri: str, *names: str) -> str:
    """The URI of what lies below another; a query (`?endpoint_override=...`) stays at the end."""
    place, mark, query = uri.partition("?")
    return "/".join((place.rstrip("/"), *names)) + mark + query


def check_without_keys(option: str, uri: str) -> None:
    """Refuse a URI that holds keys or a password: it would be written down.

    Raises:
        InputError: If it does.
    """
    scheme, _, rest = uri.partition("://")
    place, mark, query = rest.partition("?")
    host = place.partition("/")[0]
    user_info, at, _ = host.rpartition("@")
    # Secrets may hold slashes: of KEY:SE/CRET@bucket only KEY:SE stands where a bucket would, which has no colon.
    cut_off = ":" in host and ("@" in place or not host.rpartition(":")[2].isdigit())
    in_place = ":" in user_info or (scheme.lower() == "s3" and (bool(at) or cut_off))
    in_query = _SECRET.search(unquote(query)) is not None
    if in_place or in_query:
        shown = f"***@{place.rpartition('@')[2]}" if "@" in place else "***"
        uri = f"{scheme}://{shown if in_place else place}{mark}{'***' if in_query else query}"
        raise InputError(
            f"{option} {uri}: holds keys, which would be written down; leave them out "
            "and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY on every node, or give the nodes a role"
        )


def open_uri(uri: str) -> tuple[Any, str]:
    """The pyarrow file system behind a URI, and the path in it.

    For S3, `endpoint_override` and `region` in the query, or AWS_ENDPOINT_URL and AWS_DEFAULT_REGION in the
    environment, lead to stores that are not Amazon's.

    Raises:
        pyarrow.ArrowException: If the URI is of no known kind, or has a query that its kind does not know.
        OSError: If the store can't be reached.
    """
    from pyarrow.fs import FileSystem

    files, root = FileSystem.from_uri(uri)
    return files, root.rstrip("/")


def check_uri(option: str, uri: str) -> None:
    """Make sure that a URI can be used: it holds no keys, its store answers, and the bucket is there.

    Raises:
        InputError: If not.
    """
    from pyarrow import ArrowException
    from pyarrow.fs import FileType

    check_without_keys(option, uri)
    try:
        files, root = open_uri(uri)
        bucket = root.partition("/")[0] if urlsplit(uri).scheme == "s3" else ""
        there = not bucket or files.get_file_info(bucket).type != FileType.NotFound
        files.get_file_info(root)
    except (ArrowException, OSError, ValueError) as error:
        raise InputError(f"{option} {uri}: can't be used ({one_line(error)})") from None
    if not there:
        raise InputError(f"{option} {uri}: there is no bucket {bucket}; make it first, or correct the endpoint")


def one_line(error: Exception) -> str:
    """What an error says, short enough for one line."""
    return " ".join(str(error).split())[:200]
