"""The name of a run in the state store and in the staging folder: its ids, and an attempt that is unique.

Airflow reuses a `run_id` after a run is deleted, and with a new metadata database. With the ids alone, a new
run would find the files and answers of an old run.
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
    """`0-20261128T030000-1a2b3c4d`: the clear number, Airflow's start of the run (UTC, to the second), and a
    digest of the exact start and of the values in `request`.
    """
    start = started.astimezone(UTC)
    values = [clear_number, start.isoformat(), *request]
    digest = hashlib.sha256(orjson.dumps(values, default=str, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return f"{clear_number}-{start:{_STAMP}}-{digest[:8]}"


def started_at(attempt: str) -> datetime | None:
    """The start of the run with this attempt name; None for a name of an earlier version."""
    found = _ATTEMPT.fullmatch(attempt)
    return datetime.strptime(found["start"], _STAMP).replace(tzinfo=UTC) if found else None


def safe_name(text: str) -> str:
    """The folder name for a run id: `manual__2026-11-23T10:00` → `manual__2026-11-23T10-00`."""
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in text)


OF_NEWSLETTER_TASK = "/newsletter"
"""The end of the key under which the newsletter task of a contact run reports."""


def run_key_of(dag_id: str, run_id: str, attempt: str) -> str:
    return f"{dag_id}/{run_id}/{attempt}"


def ids_of(run_key: str) -> tuple[str, str]:
    """DAG id and run id of Airflow, also without an attempt; both empty for a key of another form."""
    dag_id, _, rest = run_key.removesuffix(OF_NEWSLETTER_TASK).partition("/")
    run_id, _, attempt = rest.rpartition("/")
    return (dag_id, run_id or attempt) if rest else ("", "")


def attempt_of(run_key: str) -> str:
    return run_key.rpartition("/")[2]


def readable(run_key: str) -> str:
    """The key without start and digest: `sync_contacts/manual__x/0-…` → `sync_contacts/manual__x/0`."""
    return _ATTEMPT.sub(lambda found: found["clear"], run_key)


@dataclass(frozen=True)
class RunIdentity:
    """The names that Airflow gives the run."""

    dag_id: str
    run_id: str
    clear_number: int
    started_at: datetime

    @property
    def name(self) -> str:
        """The name is the same for every retry, and after a clear."""
        return f"{self.dag_id}/{self.run_id}"
