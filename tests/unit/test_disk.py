"""A disk failure becomes one sentence, and its class says whether a retry can help."""

from __future__ import annotations

import errno
import os

import pytest
import requests

from include.disk import disk
from include.errors import ConfigurationError, InfrastructureError, StagingError, SyncError


def convert(error: Exception) -> SyncError:
    with pytest.raises(SyncError) as caught, disk("/a/folder"):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        (errno.ENOSPC, InfrastructureError, "no space is left on the disk of /a/folder. Free space there"),
        (errno.EDQUOT, InfrastructureError, "no space is left"),
        (errno.EROFS, ConfigurationError, "/a/folder is read-only. Mount it writable"),
        (errno.EACCES, ConfigurationError, f"user {os.getuid()} may not read or write /a/folder"),
        (errno.EPERM, ConfigurationError, "Give that user permission"),
        (errno.ENOTDIR, ConfigurationError, "/a/folder is not usable as a folder"),
        (errno.ENOENT, StagingError, "/a/folder is gone"),
        (errno.EIO, InfrastructureError, "the disk of /a/folder failed"),
        (errno.ESTALE, InfrastructureError, "Check that disk"),
    ],
)
def test_disk__names_the_failure_and_the_action(code: int, kind: type[SyncError], says: str) -> None:
    error = convert(OSError(code, os.strerror(code), "/a/folder/a secret name"))
    assert type(error) is kind
    assert says in str(error)
    assert "secret" not in str(error)


def test_disk__converts_errors_of_buckets_without_a_number() -> None:
    assert type(convert(PermissionError("Access Denied"))) is ConfigurationError
    assert type(convert(OSError("[Errno 5] the bucket does not answer"))) is InfrastructureError


@pytest.mark.parametrize(
    "error", [requests.ConnectionError("x"), ConnectionResetError(errno.ECONNRESET, "x"), ValueError("x")]
)
def test_disk__passes_other_errors_unchanged(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, disk("/a/folder"):
        raise error
    assert caught.value is error


def test_disk__passes_errors_that_the_caller_expects() -> None:
    with pytest.raises(FileNotFoundError), disk("/a/folder", but=FileNotFoundError):
        raise FileNotFoundError(errno.ENOENT, "x")
