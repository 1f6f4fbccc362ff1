"""Whether this machine can use the folder or bucket of the staged files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from secrets import token_hex
from typing import Any

from include.doctor.check import Line, error, ok, warning
from include.errors import SyncError
from include.staging import Staging
from include.staging_folder import folder_at

SUBJECT = "staged files"
VERSIONS = "staged files, versions"


def check_staging(base: Any) -> Iterator[Line]:
    """Write, replace, list, read and delete a file, as a run does. `base` is a path as in `Staging`.

    The file lies in a folder of its own, whose name is none of a shop: the retention does not touch it.
    """
    folder, started = base / f"check-{token_hex(4)}", time.monotonic()
    try:
        is_new = not folder_at(base).exists()
        _try_folder(folder)
        if is_new:
            folder_at(base).remove_if_empty()
    except SyncError as problem:
        yield error(
            SUBJECT, str(problem), "See staging_path in include/settings.toml. No run can work before"
        )
        return
    seconds = time.monotonic() - started
    note = "; no file is there yet: another worker must find the same folder" if is_new else ""
    yield ok(SUBJECT, f"write, replace, list, read and delete work in {base} ({seconds:.2g} s){note}")
    yield from _check_versions(base)


def _try_folder(folder: Any) -> None:
    """SyncError for what does not work. The manifest tells a file that is not as it was written."""
    staging = Staging(folder)
    try:
        staging.begin()
        for content in (b"first", b"and second"):
            staging.write_bytes("probe", content)
        staging.complete()
        Staging(folder).require_complete()
        Staging(folder).read_bytes("probe")
    except SyncError:
        with suppress(SyncError):  # the first error says what does not work; the rest holds no data
            folder_at(folder).remove_all()
        raise
    folder_at(folder).remove_all()


def _check_versions(base: Any) -> Iterator[Line]:
    if folder_at(base).keeps_versions():
        yield warning(
            VERSIONS,
            "the bucket keeps older versions: files that retention or an erasure removes stay in it",
            "Turn its versioning off, or let a lifecycle rule delete noncurrent versions after a day",
        )
