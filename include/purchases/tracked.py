"""Which purchases Connectif has already: one export tells what would cost a call each."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from include.connectif.client import ConnectifClient
from include.connectif.exports import PURCHASE, PURCHASE_ID
from include.errors import InfrastructureError, StagingError, SyncError
from include.http.transport import AccessRefused
from include.pipeline.exports import Exporter, exporter_of
from include.pipeline.run import SyncRun
from include.purchases.order_groups import group_of
from include.staging import Staging
from include.window import Window

log = logging.getLogger(__name__)

TRACKED = "tracked.json"
WITHOUT_EXPORT = "without-export.json"
# The tag's clock and ours differ, and a purchase may reach Connectif late.
_MARGIN = timedelta(days=1)
_FRUITLESS = 200
_NOT_LOOKED_UP = "%d look-ups under another form of the id found no purchase: the rest are not looked up"

StagedPurchase = dict[str, Any]


@dataclass(frozen=True)
class Tracked:
    """Ids at Connectif, as far as they are ours; `note` is for the report, empty when all is well. Without an
    export that is whole (`known` false) nothing is told of the others."""

    ids: frozenset[str]
    note: str = ""
    known: bool = True

    def has(self, purchase: StagedPurchase) -> bool:
        """Whether Connectif has it, under whichever of its ids: posted under another it would be doubled."""
        return not self.ids.isdisjoint(_ids_of(purchase))


def tracked_purchases(run: SyncRun, journal: Staging, purchases: Iterable[StagedPurchase]) -> Tracked:
    """Ask Connectif which of the purchases it has, by an export of the days around them.

    When that does not work nothing is lost: all are offered one by one (see `OtherIds`), and Connectif
    answers 409 for those that it has. The answer is kept in `journal` for a retry.
    """
    if journal.has(TRACKED):
        kept = journal.read_json(TRACKED)
        return Tracked(frozenset(kept["ids"]), kept["note"])
    ours, dates = dict[str, tuple[str, ...]](), list[datetime]()
    for purchase in purchases:
        ours[purchase["purchase_id"]] = _ids_of(purchase)
        dates.append(datetime.fromisoformat(purchase["happened"]))
    if not ours:
        return _without_export(journal)
    exporter = exporter_of(run, journal)
    try:
        found = _found_at_connectif(exporter, ours, _days_around(dates, run.now()))
    except (StagingError, InfrastructureError):
        raise
    except SyncError as error:
        log.warning("%s. All %s purchases are offered one by one", error, f"{len(ours):,}")
        note = f"no export of purchases, all were offered one by one ({error})"
        journal.write_json(WITHOUT_EXPORT, {"note": note})
        return Tracked(frozenset(), note, known=False)
    tracked = Tracked(found, _about_the_tag(run, ours, found), known=not exporter.is_short)
    if tracked.known:
        journal.write_json(TRACKED, {"ids": sorted(tracked.ids), "note": tracked.note})
    return tracked


def _without_export(journal: Staging) -> Tracked:
    """Nothing is left to ask for. Where an interrupted attempt had no export, the report still says so."""
    if not journal.has(WITHOUT_EXPORT):
        return Tracked(frozenset())
    return Tracked(frozenset(), journal.read_json(WITHOUT_EXPORT)["note"], known=False)


class OtherIds:
    """Looks a purchase up under the other forms of its id, where no export tells: the tag may have reported
    it under one, and Connectif's 409 knows only the form that is posted. Safe to use from several threads.

    Each look-up is one of the hundred calls of a minute. So after `_FRUITLESS` of them in a row that found
    nothing, the tag is taken to report the form of the settings, and the others are not looked up.
    """

    def __init__(self, connectif: ConnectifClient) -> None:
        self._connectif = connectif
        self._lock = Lock()
        self._left = _FRUITLESS

    def have(self, purchase: StagedPurchase) -> bool:
        """Whether Connectif has it under another id than the one that it would be posted under."""
        others = [form for form in _ids_of(purchase) if form != purchase["purchase_id"]]
        return any(self._has(form) for form in others)

    def _has(self, purchase_id: str) -> bool:
        with self._lock:
            if self._left <= 0:
                return False
        try:
            there = self._connectif.has_purchase(purchase_id)
        except AccessRefused as refused:
            log.warning("%s. Purchases are not looked up under another form of their id", refused)
            self._left = 0
            return False
        with self._lock:
            self._left = _FRUITLESS if there else self._left - 1
            if self._left == 0:
                log.warning(_NOT_LOOKED_UP, _FRUITLESS)
        return there


def _found_at_connectif(exporter: Exporter, ours: dict[str, tuple[str, ...]], days: Window) -> frozenset[str]:
    wanted = {form for forms in ours.values() for form in forms}
    rows = exporter.activities([PURCHASE], days, PURCHASE_ID)
    return frozenset(wanted.intersection(cell for row in rows for cell in PURCHASE_ID.cells(row)))


def _days_around(dates: list[datetime], now: datetime) -> Window:
    """A day more on both sides, but nothing of the future: whether an export may ask for it is unknown."""
    last = max(dates)
    return Window(min(dates) - _MARGIN, max(min(last + _MARGIN, now), last + timedelta(seconds=1)))


def _ids_of(purchase: StagedPurchase) -> tuple[str, ...]:
    """All forms in which a tag may have reported it: its group, its orders."""
    order_ids = purchase["order_ids"]
    return tuple(dict.fromkeys([purchase["purchase_id"], *order_ids, *map(group_of, order_ids)]))


def _about_the_tag(run: SyncRun, ours: dict[str, tuple[str, ...]], found: frozenset[str]) -> str:
    otherwise = sum(key not in found and not found.isdisjoint(forms) for key, forms in ours.items())
    return note_on_the_tag(run, otherwise)


def note_on_the_tag(run: SyncRun, otherwise: int) -> str:
    """A warning when the tag sends another form of id than the settings say, for so many purchases."""
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
