"""Cut the customers into few slices of about equal size, so that each document is in at least one slice."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from include.values.wording import plural
from include.vtex.client import VtexClient
from include.vtex.filters import between, outside
from include.window import BEGINNING, Window

log = logging.getLogger(__name__)

_CUT_ABOVE = 20_000
_FIRST_YEAR = 2000  # VTEX has no older customers


@dataclass(frozen=True)
class Slice:
    """A part of the data entity that one scroll reads."""

    name: str
    where: str


def window_slice(wide: Window) -> Slice:
    """The documents that were created or changed in the window.

    `updatedIn` is null until a document's first change, so it alone would miss new customers.
    """
    changed = " OR ".join(between(field, wide.start, wide.end) for field in ("createdIn", "updatedIn"))
    return Slice("window", changed)


def full_slices(vtex: VtexClient, until: datetime, parts: int) -> list[Slice]:
    """All documents: about equal slices by creation date, and one slice for documents without a valid date.

    A scroll keeps one of the account's ten slots even after its end, so there are few slices. Counting finds
    cuts with about the same number of documents. Adjacent slices overlap by a second, because VTEX does not
    document whether `between` includes its bounds. Documents that are read twice are dropped by id.
    """
    total = vtex.count_clients(between("createdIn", BEGINNING, until))
    log.info("%s with a creation date", plural(total, "customer"))
    parts = parts if total > _CUT_ABOVE else 1
    cuts = [BEGINNING, *(_cut(vtex, total * n // parts, until) for n in range(1, parts)), until]
    second = timedelta(seconds=1)
    dated = [
        Slice(f"created{number}", between("createdIn", start - second, end + second))
        for number, (start, end) in enumerate(pairwise(cuts), start=1)
    ]
    return [*dated, Slice("undated", outside("createdIn", BEGINNING + second, until - second))]


def _cut(vtex: VtexClient, wanted: int, until: datetime) -> datetime:
    """An instant before which about `wanted` documents were created (accurate to 2 %, or a minute)."""
    low, high = datetime(_FIRST_YEAR, 1, 1, tzinfo=until.tzinfo), until
    while high - low > timedelta(minutes=1):
        middle = low + (high - low) / 2
        found = vtex.count_clients(between("createdIn", BEGINNING, middle))
        if abs(found - wanted) <= wanted * 0.02:
            return middle
        low, high = (middle, high) if found < wanted else (low, middle)
    return high
