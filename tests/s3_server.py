"""A local S3 for tests: moto's server in this process.

Tests that use it are skipped, with the names of the packages, where these are not installed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import pytest
import requests
from upath import UPath

MISSING = [name for name in ("moto", "flask_cors", "s3fs") if find_spec(name) is None]
needs_s3 = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

KEY, SECRET, REGION = "AKIAIOSFODNN7EXAMPLE", "secret-of-the-tests", "eu-west-1"


class S3Server:
    """A running server; `client` is boto3's, to prepare and to look."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = self._client()

    def path(self, text: str, **options: Any) -> UPath:
        """A path as in `Staging`, such as `s3://bucket/folder`; `options` are those of its file system."""
        given = {"key": KEY, "secret": SECRET, "endpoint_url": self.url}
        return UPath(text, **{**given, "client_kwargs": {"region_name": REGION}, **options})

    def make_bucket(self, name: str) -> str:
        self.client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        return name

    def keys(self, bucket: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    @contextmanager
    def checking_credentials(self) -> Iterator[None]:
        """Refuse all calls: moto knows no user, and checks credentials from now on."""
        self._control("reset-auth", "0")
        try:
            yield
        finally:
            self._control("reset-auth", "inf")

    def _client(self) -> Any:
        import boto3  # noqa: PLC0415 - an optional package

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
        )

    def _control(self, command: str, value: str) -> None:
        requests.post(f"{self.url}/moto-api/{command}", data=value, timeout=5).raise_for_status()


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Serve until the block ends."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - an optional package

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield S3Server(f"http://{host}:{port}")
    finally:
        server.stop()
