"""Which keys a run's conf may have.

Airflow takes unknown ones without a word (apache/airflow#29018, read 2026-11-28).
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ADDED_BY_AIRFLOW = frozenset({"openlineage"})
"""Keys that no caller writes: TriggerDagRunOperator adds its lineage to conf where OpenLineage is on
(apache/airflow#58672, read 2026-11-28).
"""

_PRINTABLE = re.compile(r"[A-Za-z0-9_.-]{1,40}")


def unknown_parameters(conf: Mapping[str, object], known: Iterable[str]) -> str | None:
    """What to tell the caller about keys that are not `known`; None when there are none.

    `unknown parameter dryrun (did you mean dry_run?); known are dry_run, mode`. Quotes only keys that look
    like a parameter: another one may be an address.
    """
    names = sorted(known)
    unknown = [key for key in conf if key not in names and key not in ADDED_BY_AIRFLOW]
    if not unknown:
        return None
    described = ", ".join(_described(key, names) for key in unknown[:5])
    allowed = f"known are {', '.join(names)}" if names else "this DAG has none"
    return f"unknown parameter{'s' if len(unknown) > 1 else ''} {described}; {allowed}"


def _described(key: str, names: list[str]) -> str:
    if not _PRINTABLE.fullmatch(key):
        return "(not quoted: it does not look like a parameter's name)"
    nearest = get_close_matches(re.sub("[.-]", "_", key.lower()), names, n=1)
    return f"{key} (did you mean {nearest[0]}?)" if nearest else key
