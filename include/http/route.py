"""A named endpoint: what messages, counters and paces call it by, and whether it may be repeated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from include.http.segment import TEXT


class Repeat(Enum):
    """When the same call may be sent again."""

    ALWAYS = auto()
    """Reading, or overwriting by key: repeating changes nothing."""

    AFTER_ANSWER = auto()
    """Only after an explicit error answer: a lost one may have moved a cursor (a scroll continuation)."""

    WHEN_REFUSED = auto()
    """Only after 429, which surely did nothing: anything else may have taken effect (a purchase)."""


@dataclass(frozen=True)
class Route:
    """One endpoint of a vendor.

    `path` may hold `{placeholders}`, filled with ids of `id_form`, percent-encoded. `right` is what a 403
    lacks, in the vendor's words. `pace` names the budget that the call draws on. `read_timeout_seconds` is
    for answers that may take longer than the client waits otherwise; `throttled_pause_seconds` is how long
    to keep off after a 429 that does not say so itself. An accepted answer has at most `most_bytes` after
    decompression, and a call takes at most `deadline_seconds`, from its first byte out to the last one in.
    `silent` are the statuses whose answer may have no body; any other is read for what it confirms.
    """

    name: str
    method: str
    path: str
    right: str
    rate_limit: str = "default"
    repeat: Repeat = Repeat.ALWAYS
    read_timeout_seconds: float = 0.0
    throttled_pause_seconds: float | None = None
    most_bytes: int = 32_000_000
    deadline_seconds: float = 180.0
    silent: frozenset[int] = frozenset()
    id_form: re.Pattern[str] = TEXT
