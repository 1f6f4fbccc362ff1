"""What a run is called in the state store and the staging folder: by its ids, and by what no other run has.

Airflow frees a `run_id` when a run is deleted, and a new metadata database begins with the same ones, so the
ids alone would lead a new run to the files and answers of an old one.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

_ATTEMPT = re.compile(r"(?P<clear>\d+)-(?P<start>\d{8}T\d{6})-[0-9a-f]{8}")
_STAMP = "%Y%m%dT%H%M%S"


def attempt_name(clear_number: int, started: datetime, *request: Any) -> str:
    """`0-20261128T030000-1a2b3c4d`: the clear number, when Airflow started the run (UTC, to the second), and
    a digest of that instant in full and of the `request`: plain values.
    """
    start = started.astimezone(UTC)
    asked = [clear_number, start.isoformat(), *request]
    digest = hashlib.sha256(orjson.dumps(asked, default=str, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return f"{clear_number}-{start:{_STAMP}}-{digest[:8]}"


def started_at(attempt: str) -> datetime | None:
    """When a run of that attempt name started; None for the name of an earlier version."""
    found = _ATTEMPT.fullmatch(attempt)
    return datetime.strptime(found["start"], _STAMP).replace(tzinfo=UTC) if found else None


def safe_name(text: str) -> str:
    """A run id as the name of a folder: `manual__2026-11-23T10:00` → `manual__2026-11-23T10-00`."""
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in text)


def run_key_of(dag_id: str, run_id: str, attempt: str) -> str:
    return f"{dag_id}/{run_id}/{attempt}"


def attempt_of(run_key: str) -> str:
    return run_key.rpartition("/")[2]


def readable(run_key: str) -> str:
    """The key as people know the run: `sync_contacts/manual__x/0-…` → `sync_contacts/manual__x/0`."""
    return _ATTEMPT.sub(lambda found: found["clear"], run_key)


@dataclass(frozen=True)
class RunIdentity:
    """How Airflow calls the run."""

    dag_id: str
    run_id: str
    clear_number: int
    started_at: datetime

    @property
    def name(self) -> str:
        """The same for every retry, and after a clear."""
        return f"{self.dag_id}/{self.run_id}"
