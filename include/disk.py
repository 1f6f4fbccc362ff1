"""What a failure of the file system means: one sentence for the operator, and whether a retry can help."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from include.errors import ConfigurationError, InfrastructureError, StagingError, SyncError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_RIGHTS = {errno.EACCES, errno.EPERM}
_WRONG_PLACE = {errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP}


@contextmanager
def disk(where: Any, *, but: type[OSError] | tuple[()] = ()) -> Iterator[None]:
    """Every OSError of the block that tells of files becomes a SyncError that names `where`.

    StagingError for a file or folder that is gone, ConfigurationError where a person has to change rights or
    the place, InfrastructureError for a full disk and all else. Errors of the network are not touched, nor
    those that the caller expects (`but`).
    """
    try:
        yield
    except but:
        raise
    except OSError as error:
        if not _is_of_files(error):
            raise
        raise _meaning(error, where) from error


def _is_of_files(error: OSError) -> bool:
    """Errors of `requests` and of sockets are OSErrors as well."""
    own_class = error.errno is None and not isinstance(error, PermissionError) and type(error) is not OSError
    return not own_class and not isinstance(error, ConnectionError)


def _meaning(error: OSError, where: Any) -> SyncError:
    if error.errno in _FULL:
        return InfrastructureError(
            f"files: no space is left on the disk of {where}. Free space there; the task is retried and "
            "keeps what is done"
        )
    if error.errno == errno.EROFS:
        return ConfigurationError(
            f"files: the file system of {where} is read-only. Mount it writable, and clear the task"
        )
    if error.errno in _RIGHTS or isinstance(error, PermissionError):
        return ConfigurationError(
            f"files: user {os.getuid()} may not read or write {where}. Give that user the rights on this "
            "folder and all below it, and clear the task"
        )
    if error.errno in _WRONG_PLACE:
        return ConfigurationError(
            f"files: {where} is not usable as a folder ({error.strerror}). Remove the file in its place or "
            "correct SYNC_RUN__STAGING_PATH, and clear the task"
        )
    if error.errno == errno.ENOENT:
        return StagingError(f"{where} is gone")
    return InfrastructureError(
        f"files: the disk of {where} failed ({error.strerror or type(error).__name__}). Check that disk; the "
        "task is retried and keeps what is done"
    )
