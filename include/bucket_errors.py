"""The meaning of a bucket's failure: one sentence for the operator, and whether a retry can help.

The libraries' own texts are never repeated: they quote requests, and a traceback of them holds credentials.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from include.errors import ConfigurationError, InfrastructureError, StagingError, SyncError

_LIBRARIES = {"botocore", "aiobotocore", "boto3", "s3fs", "gcsfs", "google", "aiohttp", "fsspec", "requests"}
_NO_CREDENTIALS = {
    *("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound"),
    *("TokenRetrievalError", "UnauthorizedSSOTokenError", "DefaultCredentialsError", "RefreshError"),
}
"""Classes of botocore and google-auth (botocore 1.43, google-auth 2.63; read 2026-11-29)."""
_REFUSED = {
    *("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"),
    *("401", "403"),
}
_WRONG_PLACE = {
    *("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"),
    *("InvalidBucketName", "ParamValidationError"),
}
"""S3's codes for a bucket in another region, or with a name that cannot be
(docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, read in s3fs 2026.9.0 `errors.py`, 2026-11-29).
"""
_PERMISSIONS = "list the bucket, and read, write and delete objects"


@contextmanager
def bucket(where: str, *, but: type[OSError] | tuple[()] = (), writes: bool = False) -> Iterator[None]:
    """Raise a SyncError that names `where` instead of each error of a storage library.

    ConfigurationError if a person must change credentials, permissions or the path, StagingError for a
    missing object, InfrastructureError for all other failures. Errors that the caller expects (`but`) pass,
    but not that of a missing bucket. Google answers 404 for both: what `writes` finds no bucket.
    """
    try:
        yield
    except SyncError:
        raise
    except Exception as error:
        if isinstance(error, but) and code_of(error) != "NoSuchBucket":
            raise
        if not _is_of_storage(error):
            raise
        if writes and isinstance(error, FileNotFoundError):
            raise _no_bucket(where) from None
        raise _meaning(error, where) from None


def code_of(error: BaseException) -> str:
    """S3's code (`AccessDenied`), the status of Google's answer, or the name of the class.

    s3fs keeps botocore's error with the code as the cause of its OSError.
    """
    for one in (error, error.__cause__):
        answer = getattr(one, "response", None)
        if isinstance(answer, dict) and (code := answer.get("Error", {}).get("Code")):
            return str(code) if str(code).isalnum() else type(error).__name__
        if isinstance(status := getattr(one, "code", None), int):
            return str(status)
    return type(error).__name__


def _is_of_storage(error: Exception) -> bool:
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _LIBRARIES


def _no_bucket(where: str) -> SyncError:
    return ConfigurationError(
        f"bucket: the bucket of {where} does not exist. Create it, or correct SYNC_RUN__STAGING_PATH, and "
        "clear the task"
    )


def _meaning(error: Exception, where: Any) -> SyncError:
    code = code_of(error)
    if code == "NoSuchBucket":
        return _no_bucket(where)
    if code in _NO_CREDENTIALS:
        return ConfigurationError(
            f"bucket: there are no valid credentials for {where} ({code}). Correct the connection that "
            "SYNC_RUN__STAGING_PATH names, or the role of this machine, and clear the task"
        )
    if code in _REFUSED or isinstance(error, PermissionError):
        return ConfigurationError(
            f"bucket: access to {where} is refused ({code}). Check the credentials of the connection that "
            f"SYNC_RUN__STAGING_PATH names, and let them {_PERMISSIONS}; then clear the task"
        )
    if code in _WRONG_PLACE:
        return ConfigurationError(
            f"bucket: {where} is not a bucket of this region or endpoint ({code}). Correct the bucket's name "
            "in SYNC_RUN__STAGING_PATH, or region_name and endpoint_url of its connection, and clear the task"
        )
    if isinstance(error, FileNotFoundError):
        return StagingError(f"{where} is gone")
    return InfrastructureError(
        f"bucket: {where} fails ({code}). Check that this machine reaches the bucket's service; the task is "
        "retried and keeps its finished work"
    )
