"""SYNC_RUN__STAGING_PATH: a folder or a bucket that opens, or a sentence that says what is missing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.io import store

from include.bucket_folder import BucketFolder
from include.doctor import Level
from include.doctor.staging import check_staging
from include.errors import ConfigurationError, MissingConnection
from include.local_folder import LocalFolder
from include.staging import Staging
from include.staging_folder import folder_at
from plugins.runs.staging_path import open_staging
from tests.s3_server import KEY, REGION, SECRET, S3Server, needs_s3, s3_server

NO_CREDENTIALS = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_CONFIG_FILE": "/dev/null",
}


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine has. Airflow remembers opened file systems."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in NO_CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(store, "_STORE_CACHE", {})


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A connection `my_s3` with a key, as text of Airflow's variable; a test may change it."""
    fields = {"conn_type": "aws", "login": KEY, "password": SECRET, "extra": {"region_name": REGION}}
    monkeypatch.setenv("AIRFLOW_CONN_MY_S3", json.dumps(fields))
    return fields


@pytest.mark.parametrize("scheme", ["file://", ""])
def test_folder__is_opened_by_its_absolute_path(scheme: str, tmp_path: Path) -> None:
    path = open_staging(f"{scheme}{tmp_path}/staging")
    assert isinstance(folder_at(path), LocalFolder)
    Staging(path / "run").write_json("a.json", 1)
    assert (tmp_path / "staging" / "run" / "a.json").read_bytes() == b"1"
    assert Staging((path / "run" / "extract").parent).read_json("a.json") == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("staging", "must be an absolute path"),
        ("file://staging/sync", "must be an absolute path"),
        ("abfs://container/sync", "begins with abfs://; use file://, s3:// or gs://"),
        ("s3://", "names no bucket"),
        ("s3://my_s3@/sync", "names no bucket"),
        ("s3://key:hunter2@my-bucket/sync", "Name a connection instead: s3://my_connection@my-bucket"),
        ("s3://my-bucket/sync?token=hunter2", "holds credentials"),
    ],
)
def test_path__that_cannot_work_is_refused(text: str, says: str, connection: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_staging(text)
    assert says in str(caught.value)
    assert "SYNC_RUN__STAGING_PATH" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_connection__that_does_not_exist_is_named() -> None:
    """Airflow's provider would continue without it, with anonymous access."""
    with pytest.raises(MissingConnection, match="no connection my_typo, which SYNC_RUN__STAGING_PATH names"):
        open_staging("s3://my_typo@my-bucket/sync")


def test_packages__that_are_missing_are_named(
    monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(
        ConfigurationError, match=r"packages for s3:// .*apache-airflow-providers-amazon\[s3fs\]"
    ):
        open_staging("s3://my_s3@my-bucket/sync")
    with pytest.raises(ConfigurationError, match=r"packages for gs:// .*apache-airflow-providers-google"):
        open_staging("gs://my-bucket/sync")


@needs_s3
def test_credentials__that_are_missing_stop_before_anything_is_written() -> None:
    with pytest.raises(ConfigurationError, match="no credentials for it"):
        open_staging("s3://my-bucket/sync")


@needs_s3
@pytest.mark.usefixtures("connection")
def test_bucket__is_opened_with_the_connection(
    server: S3Server, connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection["extra"]["endpoint_url"] = server.url
    monkeypatch.setenv("AIRFLOW_CONN_MY_S3", json.dumps(connection))
    server.make_bucket("with-connection")
    path = open_staging("s3://my_s3@with-connection/sync")
    assert isinstance(folder_at(path), BucketFolder)
    Staging(path / "run").write_json("a.json", 1)
    again = open_staging(str(path / "run" / "extract")).parent
    assert str(again) == "s3://my_s3@with-connection/sync/run"
    assert Staging(again).read_json("a.json") == 1
    assert server.keys("with-connection") == ["sync/run/a.json", "sync/run/manifest.json"]
    (line,) = check_staging(path)
    assert line.level is Level.OK
