"""Which scrolls a load of customers takes: few, of about equal size, so that every document falls in one."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from include.vtex.client import VtexClient
from include.vtex.filters import between, outside
from include.window import BEGINNING, Window

log = logging.getLogger(__name__)

_FROM = 20_000
_FIRST_SHOPS = 2000


@dataclass(frozen=True)
class Slice:
    """A part of the entity that one scroll reads."""

    name: str
    where: str


def window_slice(wide: Window) -> Slice:
    """Documents created or changed in the window (`updatedIn` is null until a document's first change, so
    it alone never shows a new customer)."""
    changed = " OR ".join(between(field, wide.start, wide.end) for field in ("createdIn", "updatedIn"))
    return Slice("window", changed)


def full_slices(vtex: VtexClient, until: datetime, parts: int) -> list[Slice]:
    """All documents: by creation date in about equal parts, and those without a credible one.

    A scroll keeps one of the account's ten slots even when it has ended, so there are few slices, cut where
    counting finds about equally many documents. Neighbours overlap by a second, because nobody documents
    whether `between` includes its bounds; documents read twice are dropped by id.
    """
    total = vtex.count_clients(between("createdIn", BEGINNING, until))
    log.info("%s customers with a creation date", f"{total:,}")
    parts = parts if total > _FROM else 1
    cuts = [BEGINNING, *(_cut(vtex, total * n // parts, until) for n in range(1, parts)), until]
    second = timedelta(seconds=1)
    dated = [
        Slice(f"created{number}", between("createdIn", start - second, end + second))
        for number, (start, end) in enumerate(pairwise(cuts), start=1)
    ]
    return [*dated, Slice("undated", outside("createdIn", BEGINNING + second, until - second))]


def _cut(vtex: VtexClient, wanted: int, until: datetime) -> datetime:
    """An instant before which about `wanted` documents were created (within 2 %, or a minute)."""
    low, high = datetime(_FIRST_SHOPS, 1, 1, tzinfo=until.tzinfo), until
    while high - low > timedelta(minutes=1):
        middle = low + (high - low) / 2
        found = vtex.count_clients(between("createdIn", BEGINNING, middle))
        if abs(found - wanted) <= wanted * 0.02:
            return middle
        low, high = (middle, high) if found < wanted else (low, middle)
    return high
