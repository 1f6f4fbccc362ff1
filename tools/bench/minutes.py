"""How full Connectif's minutes were while purchases were posted, by the sandbox's journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

_POSTED = "create purchase"


def share_used(
    calls: Iterable[Mapping[str, Any]], *, minute_seconds: float, calls_a_minute: float
) -> float | None:
    """Of the allowed calls those that were let through, in whole minutes of posting.

    The minutes in which posting began and ended are left out, because only a part of them was ours to use;
    None when no other is left.
    """
    let_through = [call for call in calls if call["status"] != 429]
    minutes = Counter(_minute(call, minute_seconds) for call in let_through)
    posting = [_minute(call, minute_seconds) for call in let_through if call["route"] == _POSTED]
    whole = range(min(posting, default=0) + 1, max(posting, default=0))
    if not whole:
        return None
    return sum(minutes[minute] for minute in whole) / (calls_a_minute * len(whole))


def _minute(call: Mapping[str, Any], minute_seconds: float) -> int:
    """Connectif's minutes lie on the grid of the sandbox's clock."""
    return int(datetime.fromisoformat(call["time"]).timestamp() // minute_seconds)
