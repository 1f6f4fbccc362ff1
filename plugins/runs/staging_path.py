"""Opens the base of the staged files, a folder or a bucket, and says what is missing for it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from airflow.sdk import ObjectStoragePath

from include.errors import ConfigurationError, MissingConnection
from plugins.hooks.airflow_connections import has_connection

VARIABLE = "SYNC_RUN__STAGING_PATH"
_PACKAGES = {
    "s3": (
        "apache-airflow-providers-amazon[s3fs]: install requirements-s3.txt, or build the image with "
        "STAGING=s3"
    ),
    "gs": "apache-airflow-providers-google, with the constraints of this Airflow",
}
"""What each scheme needs. Airflow's providers register their file systems (`airflow.sdk.io.fs`, 3.3.2)."""
_LOCAL = {"", "file"}


def open_staging(text: str) -> ObjectStoragePath:
    """The path that the setting names. ConfigurationError if a package, a connection or credentials are
    missing, or if it is no place that every task can find.

    No call is made to the bucket.
    """
    parts = urlsplit(text)
    if parts.scheme in _LOCAL:
        if not Path(parts.path).is_absolute() or parts.netloc:
            raise ConfigurationError(f"{VARIABLE} must be an absolute path, such as file:///var/lib/staging")
        return ObjectStoragePath(text)
    if parts.scheme not in _PACKAGES:
        raise ConfigurationError(f"{VARIABLE} begins with {parts.scheme}://; use file://, s3:// or gs://")
    conn_id, _, name = parts.netloc.rpartition("@")
    if ":" in conn_id or parts.query:
        raise ConfigurationError(
            f"{VARIABLE} holds credentials, and it appears in logs. Name a connection instead: "
            f"{parts.scheme}://my_connection@{name.rpartition(':')[0] or name}"
        )
    if not name:
        raise ConfigurationError(f"{VARIABLE} names no bucket: {parts.scheme}://my_connection@my-bucket/sync")
    if conn_id and not has_connection(conn_id):
        raise MissingConnection(
            f"There is no connection {conn_id}, which {VARIABLE} names",
            advice="Create it in Admin > Connections, or correct the setting",
        )
    return _open_bucket(text, parts.scheme)


def _open_bucket(text: str, scheme: str) -> ObjectStoragePath:
    path = ObjectStoragePath(text)
    try:
        files = path.fs
    except (ImportError, ValueError):  # no s3fs; no provider that registers the scheme
        raise ConfigurationError(
            f"{VARIABLE} is {path}, but packages for {scheme}:// are missing on this machine. It needs "
            f"{_PACKAGES[scheme]}"
        ) from None
    if getattr(files, "anon", False):  # the provider falls back to anonymous access
        raise ConfigurationError(
            f"{VARIABLE} is {path}, but there are no credentials for it: fill in its connection, or give "
            "this machine a role. Staged files hold personal data: nothing is written without credentials"
        )
    return path
