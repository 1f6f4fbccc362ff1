"""The meaning of a file system failure: one sentence for the operator, and whether a retry can help."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from include.errors import ConfigurationError, InfrastructureError, StagingError, SyncError

TEMPORARY_FILES = "temporary files (TMPDIR)"
"""How messages call the folder of temporary files."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_PERMISSION = {errno.EACCES, errno.EPERM}
_WRONG_PLACE = {errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP}


@contextmanager
def disk(where: Any, *, but: type[OSError] | tuple[()] = ()) -> Iterator[None]:
    """Raise a SyncError that names `where` instead of each OSError about files.

    StagingError for a missing file or folder, ConfigurationError if a person must change permissions or the
    path, InfrastructureError for a full disk and all other failures. Network errors, and errors that the
    caller expects (`but`), pass unchanged.
    """
    try:
        yield
    except but:
        raise
    except OSError as error:
        if not _is_about_files(error):
            raise
        raise _meaning(error, where) from error


def _is_about_files(error: OSError) -> bool:
    """False for errors of `requests` and of sockets, which are OSErrors too."""
    own_class = error.errno is None and not isinstance(error, PermissionError) and type(error) is not OSError
    return not own_class and not isinstance(error, ConnectionError)


def _meaning(error: OSError, where: Any) -> SyncError:
    if error.errno in _FULL:
        return InfrastructureError(
            f"files: no space is left on the disk of {where}. Free space there; the task is retried and "
            "keeps its finished work"
        )
    if error.errno == errno.EROFS:
        return ConfigurationError(
            f"files: the file system of {where} is read-only. Mount it writable, and clear the task"
        )
    if error.errno in _PERMISSION or isinstance(error, PermissionError):
        return ConfigurationError(
            f"files: user {os.getuid()} may not read or write {where}. Give that user permission on this "
            "folder and everything in it, and clear the task"
        )
    if error.errno in _WRONG_PLACE:
        return ConfigurationError(
            f"files: {where} is not usable as a folder ({error.strerror}). Remove the file of that name or "
            "correct SYNC_RUN__STAGING_PATH, and clear the task"
        )
    if error.errno == errno.ENOENT:
        return StagingError(f"{where} is gone")
    return InfrastructureError(
        f"files: the disk of {where} failed ({error.strerror or type(error).__name__}). Check that disk; the "
        "task is retried and keeps its finished work"
    )
