"""An S3 server on this machine: moto's, which keeps everything in memory."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from trainables.shared_files import joined

KEYS = {
    "AWS_ACCESS_KEY_ID": "example-key-id",
    "AWS_SECRET_ACCESS_KEY": "example-secret-key",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""What a client's environment must have; the server takes any."""


@dataclass(frozen=True)
class S3Server:
    """Where it is.

    Attributes:
        endpoint: Its address, http://HOST:PORT.
        bucket: A bucket of it.
    """

    endpoint: str
    bucket: str

    def uri(self, path: str) -> str:
        """The URI of a path in the bucket."""
        return joined(f"s3://{self.bucket}?endpoint_override={self.endpoint}", path)


@contextmanager
def s3_server(bucket: str) -> Iterator[S3Server]:
    """Run one, with a bucket, while the block lasts; `KEYS` must be in the environment of its clients."""
    from moto.server import ThreadedMotoServer
    from pyarrow.fs import S3FileSystem

    # It writes a line for each request.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        S3FileSystem(endpoint_override=endpoint, allow_bucket_creation=True).create_dir(bucket)
        yield S3Server(endpoint, bucket)
    finally:
        server.stop()
