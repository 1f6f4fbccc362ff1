"""The meanings of all codes, by code. Use `Reason.meaning` and `Reason.advice` where one code is at hand."""

from __future__ import annotations

from typing import NamedTuple

from include.outcomes import Drop, Reason


class Meaning(NamedTuple):
    """What happened, and what to do."""

    what: str
    advice: str


REASONS: dict[Reason, Meaning] = {reason: Meaning(reason.meaning, reason.advice) for reason in Reason}
DROPS: dict[Drop, Meaning] = {drop: Meaning(drop.meaning, drop.advice) for drop in Drop}
