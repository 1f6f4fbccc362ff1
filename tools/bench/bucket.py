"""A bucket for the staged files of measured runs: moto's server in the process of `make bench`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

BUCKET = "bench"
_ACCESS = {"key": "bench", "secret": "bench"}  # moto accepts any
_REGION = {"region_name": "eu-west-1"}


@contextmanager
def local_bucket() -> Iterator[dict[str, Any]]:
    """Serve an empty bucket until the block ends. Yields the options of fsspec's S3 file system."""
    import s3fs  # noqa: PLC0415 - slow imports, and only this option needs them
    from moto.server import ThreadedMotoServer  # noqa: PLC0415

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = {**_ACCESS, "endpoint_url": f"http://{host}:{port}", "client_kwargs": _REGION}
    try:
        s3fs.S3FileSystem(**options).mkdir(BUCKET)
        yield options
    finally:
        server.stop()


class BucketCalls(logging.Handler):
    """Counts the calls that s3fs makes in this process; it logs each of them (`_call_s3`, s3fs 2026.9.0)."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        logger = logging.getLogger("s3fs")
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.number += str(record.msg).startswith("CALL")
