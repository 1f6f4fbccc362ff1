"""Finds unknown keys in the conf of a run: Airflow accepts them without an error.

Source: apache/airflow#29018, read 2026-11-28.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ADDED_BY_AIRFLOW = frozenset({"openlineage"})
"""Keys that Airflow adds: TriggerDagRunOperator adds its lineage to conf if OpenLineage is enabled
(apache/airflow#58672, read 2026-11-28).
"""

_PRINTABLE = re.compile(r"[A-Za-z0-9_.-]{1,40}")


def unknown_parameters(conf: Mapping[str, object], known: Iterable[str]) -> str | None:
    """The message about keys that are not `known`; None if there are none.

    `unknown parameter dryrun (did you mean dry_run?); known are dry_run, mode`. It quotes only keys that look
    like a parameter: another key may be an address.
    """
    names = sorted(known)
    unknown = [key for key in conf if key not in names and key not in ADDED_BY_AIRFLOW]
    if not unknown:
        return None
    described = ", ".join(_describe(key, names) for key in unknown[:5])
    allowed = f"known are {', '.join(names)}" if names else "this DAG has none"
    return f"unknown parameter{'s' if len(unknown) > 1 else ''} {described}; {allowed}"


def _describe(key: str, names: list[str]) -> str:
    if not _PRINTABLE.fullmatch(key):
        return "(not quoted: the key does not look like a parameter's name)"
    nearest = get_close_matches(re.sub("[.-]", "_", key.lower()), names, n=1)
    return f"{key} (did you mean {nearest[0]}?)" if nearest else key
