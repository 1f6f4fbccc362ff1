"""A bucket's failure becomes one sentence, and its class says whether a retry can help."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from include.bucket_errors import bucket
from include.errors import ConfigurationError, InfrastructureError, StagingError, SyncError

WHERE = "s3://aws_default@my-bucket/sync"


def error_of(module: str, name: str, **attributes: Any) -> Exception:
    """An error as that of a library that the tests do not need."""
    kind = type(name, (Exception,), {"__module__": module, **attributes})
    return kind("GET https://my-bucket?signature=secret")


def of_s3(code: str, error: Exception) -> Exception:
    """An error of s3fs: its cause is botocore's, with S3's code."""
    error.__cause__ = error_of("botocore.exceptions", "ClientError", response={"Error": {"Code": code}})
    return error


def convert(error: Exception, **options: Any) -> SyncError:
    with pytest.raises(SyncError) as caught, bucket(WHERE, **options):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (of_s3("NoSuchBucket", FileNotFoundError("x")), ConfigurationError, "does not exist. Create it"),
        (of_s3("AccessDenied", PermissionError("secret")), ConfigurationError, "is refused (AccessDenied)"),
        (of_s3("403", PermissionError("secret")), ConfigurationError, "and read, write and delete objects"),
        (of_s3("InvalidToken", OSError(errno.EINVAL, "secret")), ConfigurationError, "is refused (InvalidT"),
        (PermissionError("secret"), ConfigurationError, "is refused (PermissionError)"),
        (
            error_of("gcsfs.retry", "HttpError", code=403),
            ConfigurationError,
            "Check the credentials of the connection",
        ),
        (
            error_of("botocore.exceptions", "NoCredentialsError"),
            ConfigurationError,
            "there are no valid credentials for s3://aws_default@my-bucket/sync (NoCredentialsError)",
        ),
        (
            error_of("google.auth.exceptions", "DefaultCredentialsError"),
            ConfigurationError,
            "or the role of this machine",
        ),
        (
            of_s3("301", OSError(errno.EREMCHG, "x")),
            ConfigurationError,
            "region_name and endpoint_url of its connection",
        ),
        (of_s3("NoSuchKey", FileNotFoundError("secret")), StagingError, f"{WHERE} is gone"),
        (of_s3("SlowDown", OSError(errno.EBUSY, "secret")), InfrastructureError, "fails (SlowDown)"),
        (
            error_of("botocore.exceptions", "EndpointConnectionError"),
            InfrastructureError,
            "Check that this machine reaches the bucket's service; the task is retried",
        ),
        (TimeoutError("secret"), InfrastructureError, "fails (TimeoutError)"),
        (
            of_s3("<script>secret", OSError(errno.EIO, "secret")),
            InfrastructureError,
            "fails (OSError)",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_bucket__names_the_failure_and_the_action(error: Exception, kind: type[SyncError], says: str) -> None:
    meant = convert(error)
    assert type(meant) is kind
    assert says in str(meant)
    assert WHERE in str(meant)
    assert "secret" not in str(meant)
    assert meant.__suppress_context__, "a traceback of the library holds the request"


def test_bucket__passes_what_the_caller_expects_but_no_missing_bucket() -> None:
    with pytest.raises(FileNotFoundError), bucket(WHERE, but=FileNotFoundError):
        raise of_s3("NoSuchKey", FileNotFoundError("x"))
    missing = of_s3("NoSuchBucket", FileNotFoundError("x"))
    assert type(convert(missing, but=FileNotFoundError)) is ConfigurationError


def test_bucket__that_is_missing_at_google_is_named_by_a_write() -> None:
    missing = convert(FileNotFoundError("b/sync/a.json"), writes=True)
    assert type(missing) is ConfigurationError
    assert f"the bucket of {WHERE} does not exist" in str(missing)


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), error_of("include.values", "Own")])
def test_bucket__passes_errors_of_the_program(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, bucket(WHERE):
        raise error
    assert caught.value is error


def test_bucket__passes_our_own_errors() -> None:
    own = StagingError("a.json is damaged")
    assert convert(own) is own
