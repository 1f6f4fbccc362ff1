"""How much of Connectif's rate limit the posting of purchases used, by the sandbox's journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

_POSTED = "create purchase"


def share_used(
    calls: Iterable[Mapping[str, Any]], *, minute_seconds: float, calls_a_minute: float
) -> float | None:
    """The share of allowed calls that were accepted, in whole minutes of posting.

    It leaves out the minutes in which posting started and ended, because they were used in part only. None if
    no other minute remains.
    """
    accepted = [call for call in calls if call["status"] != 429]
    minutes = Counter(_minute(call, minute_seconds) for call in accepted)
    posting = [_minute(call, minute_seconds) for call in accepted if call["route"] == _POSTED]
    whole = range(min(posting, default=0) + 1, max(posting, default=0))
    if not whole:
        return None
    return sum(minutes[minute] for minute in whole) / (calls_a_minute * len(whole))


def _minute(call: Mapping[str, Any], minute_seconds: float) -> int:
    """Connectif's minutes start at full minutes of the sandbox's clock."""
    return int(datetime.fromisoformat(call["time"]).timestamp() // minute_seconds)
