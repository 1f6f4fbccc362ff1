"""Which purchases Connectif has already: one export tells what would cost a call each."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from include.connectif.exports import PURCHASE, is_purchase_id, values_under
from include.errors import SyncError
from include.staging import Staging
from include.sync.exports import exporter_of
from include.sync.purchases.groups import group_of
from include.sync.run import SyncRun
from include.window import Window

log = logging.getLogger(__name__)

TRACKED = "tracked.json"
# The tag's clock and ours differ, and a purchase may reach Connectif late.
_MARGIN = timedelta(days=1)

StagedPurchase = dict[str, Any]


@dataclass(frozen=True)
class Tracked:
    """Ids at Connectif, as far as they are ours; `note` is for the report, empty when all is well."""

    ids: frozenset[str]
    note: str = ""

    def has(self, purchase: StagedPurchase) -> bool:
        """Whether Connectif has it, under whichever of its ids: posted under another it would be doubled."""
        return not self.ids.isdisjoint(_ids_of(purchase))


def tracked_purchases(run: SyncRun, journal: Staging, purchases: Iterable[StagedPurchase]) -> Tracked:
    """Ask Connectif which of the purchases it has, by an export of the days around them.

    When that does not work nothing is lost: all are offered one by one, and Connectif answers 409 for those
    that it has. The answer is kept in `journal` for a retry.
    """
    if journal.has(TRACKED):
        kept = journal.read_json(TRACKED)
        return Tracked(frozenset(kept["ids"]), kept["note"])
    ours, dates = dict[str, tuple[str, ...]](), list[datetime]()
    for purchase in purchases:
        ours[purchase["purchase_id"]] = _ids_of(purchase)
        dates.append(datetime.fromisoformat(purchase["happened"]))
    if not ours:
        return Tracked(frozenset())
    try:
        found = _found_at_connectif(run, journal, ours, _days_around(dates, run.now()))
    except SyncError as error:
        log.warning("%s. All %s purchases are offered one by one", error, f"{len(ours):,}")
        return Tracked(frozenset(), f"no export of purchases, all were offered one by one ({error})")
    tracked = Tracked(found, _about_the_tag(run, ours, found))
    journal.write_json(TRACKED, {"ids": sorted(tracked.ids), "note": tracked.note})
    return tracked


def _found_at_connectif(
    run: SyncRun, journal: Staging, ours: dict[str, tuple[str, ...]], days: Window
) -> frozenset[str]:
    wanted = {form for forms in ours.values() for form in forms}
    rows = exporter_of(run, journal).activities([PURCHASE], days)
    return frozenset(wanted.intersection(values_under(rows, is_purchase_id, what="purchase id")))


def _days_around(dates: list[datetime], now: datetime) -> Window:
    """A day more on both sides, but nothing of the future: whether an export may ask for it is unknown."""
    last = max(dates)
    return Window(min(dates) - _MARGIN, max(min(last + _MARGIN, now), last + timedelta(seconds=1)))


def _ids_of(purchase: StagedPurchase) -> tuple[str, ...]:
    """All forms in which a tag may have reported it: its group, its orders."""
    order_ids = purchase["order_ids"]
    return tuple(dict.fromkeys([purchase["purchase_id"], *order_ids, *map(group_of, order_ids)]))


def _about_the_tag(run: SyncRun, ours: dict[str, tuple[str, ...]], found: frozenset[str]) -> str:
    """A warning when the tag sends another form of id than the settings say."""
    otherwise = sum(key not in found and not found.isdisjoint(forms) for key, forms in ours.items())
    if not otherwise:
        return ""
    configured = run.settings.purchases.purchase_id_source
    seen = "order_id" if configured == "order_group" else "order_group"
    note = (
        f"{otherwise} purchases are at Connectif under their {seen}, not under the {configured}: if the "
        f"shop's tag reports them so, set purchase_id_source (SYNC_PURCHASES__PURCHASE_ID_SOURCE) to {seen}"
    )
    log.warning("%s", note)
    return note
