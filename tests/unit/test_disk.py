"""A failure of the disk is one sentence, and says by its class whether a retry can help."""

from __future__ import annotations

import errno
import os

import pytest
import requests

from include.disk import disk
from include.errors import ConfigurationError, InfrastructureError, StagingError, SyncError


def raised(error: Exception) -> SyncError:
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
        (errno.EPERM, ConfigurationError, "Give that user the rights"),
        (errno.ENOTDIR, ConfigurationError, "/a/folder is not usable as a folder"),
        (errno.ENOENT, StagingError, "/a/folder is gone"),
        (errno.EIO, InfrastructureError, "the disk of /a/folder failed"),
        (errno.ESTALE, InfrastructureError, "Check that disk"),
    ],
)
def test_disk__says_what_happened_and_what_to_do(code: int, kind: type[SyncError], says: str) -> None:
    error = raised(OSError(code, os.strerror(code), "/a/folder/a secret name"))
    assert type(error) is kind
    assert says in str(error)
    assert "secret" not in str(error)


def test_disk__knows_errors_of_buckets_without_a_number() -> None:
    assert type(raised(PermissionError("Access Denied"))) is ConfigurationError
    assert type(raised(OSError("[Errno 5] the bucket does not answer"))) is InfrastructureError


@pytest.mark.parametrize(
    "error", [requests.ConnectionError("x"), ConnectionResetError(errno.ECONNRESET, "x"), ValueError("x")]
)
def test_disk__leaves_other_errors_alone(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, disk("/a/folder"):
        raise error
    assert caught.value is error


def test_disk__leaves_alone_what_the_caller_expects() -> None:
    with pytest.raises(FileNotFoundError), disk("/a/folder", but=FileNotFoundError):
        raise FileNotFoundError(errno.ENOENT, "x")
