"""Find the purchases that Connectif already has, by one export instead of a call for each."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from include.connectif.client import ConnectifClient
from include.connectif.exports import PURCHASE, PURCHASE_ID
from include.errors import InfrastructureError, StagingError, SyncError
from include.http.transport import AccessRefused
from include.pipeline.exports import Exporter, exporter_of
from include.pipeline.run import SyncRun
from include.purchases.orders import group_of
from include.purchases.staged import PurchaseHead
from include.staging import Staging
from include.values.wording import plural
from include.window import Window

log = logging.getLogger(__name__)

TRACKED = "tracked.json"
WITHOUT_EXPORT = "without-export.json"
# The tag's clock and VTEX's clock differ, and a purchase may reach Connectif late.
_MARGIN = timedelta(days=1)
_MOST_MISSES = 200
_NOT_LOOKED_UP = "%d look-ups under another form of the id found no purchase; no more purchases are looked up"


@dataclass(frozen=True)
class Tracked:
    """The ids of our purchases that Connectif has; `note` is a warning for the report, or empty.

    If `known` is false, there was no complete export: Connectif may have other purchases too.
    """

    ids: frozenset[str]
    note: str = ""
    known: bool = True

    def has(self, purchase: PurchaseHead) -> bool:
        """Whether Connectif has the purchase under any of its ids.

        A post under another id would double it.
        """
        return not self.ids.isdisjoint(_ids_of(purchase))


def tracked_purchases(run: SyncRun, journal: Staging, purchases: Iterable[PurchaseHead]) -> Tracked:
    """Find the purchases that Connectif has, by an export of the days around them.

    If the export fails, all purchases are posted one by one (see `OtherIds`), and Connectif answers 409 for
    those that it has. The result is kept in `journal` for a retry.
    """
    if journal.has(TRACKED):
        kept = journal.read_json(TRACKED)
        return Tracked(frozenset(kept["ids"]), kept["note"])
    forms, dates = dict[str, tuple[str, ...]](), list[datetime]()
    for purchase in purchases:
        forms[purchase.purchase_id] = _ids_of(purchase)
        dates.append(purchase.happened)
    if not forms:
        return _without_export(journal)
    exporter = exporter_of(run, journal)
    try:
        found = _exported_ids(exporter, forms, _days_around(dates, run.now()))
    except (StagingError, InfrastructureError):
        raise
    except SyncError as error:
        log.warning("%s. %s posted one by one", error, plural(len(forms), "purchase is", "purchases are"))
        note = f"no export of purchases, so all were posted one by one ({error})"
        journal.write_json(WITHOUT_EXPORT, {"note": note})
        return Tracked(frozenset(), note, known=False)
    tracked = Tracked(found, _tag_note(run, forms, found), known=not exporter.is_short)
    if tracked.known:
        journal.write_json(TRACKED, {"ids": sorted(tracked.ids), "note": tracked.note})
    return tracked


def _without_export(journal: Staging) -> Tracked:
    """No purchase is left to look for. If an earlier attempt had no export, the report still says so."""
    if not journal.has(WITHOUT_EXPORT):
        return Tracked(frozenset())
    return Tracked(frozenset(), journal.read_json(WITHOUT_EXPORT)["note"], known=False)


class OtherIds:
    """Looks a purchase up under the other forms of its id, for runs without an export.

    The tag may report another form, and Connectif answers 409 only for the posted form. Each look-up is one
    of the hundred calls a minute. After `_MOST_MISSES` look-ups in a row without a purchase, the tag seems to
    report the form of the settings, and the other forms are not looked up any more. Safe to use from several
    threads.
    """

    def __init__(self, connectif: ConnectifClient) -> None:
        self._connectif = connectif
        self._lock = Lock()
        self._left = _MOST_MISSES

    def has(self, purchase: PurchaseHead) -> bool:
        """Whether Connectif has the purchase under another id than the id of its post."""
        others = [form for form in _ids_of(purchase) if form != purchase.purchase_id]
        return any(self._has(form) for form in others)

    def _has(self, purchase_id: str) -> bool:
        with self._lock:
            if self._left <= 0:
                return False
        try:
            there = self._connectif.has_purchase(purchase_id)
        except AccessRefused as refused:
            log.warning("%s. Purchases are not looked up under other forms of their id", refused)
            self._left = 0
            return False
        with self._lock:
            self._left = _MOST_MISSES if there else self._left - 1
            if self._left == 0:
                log.warning(_NOT_LOOKED_UP, _MOST_MISSES)
        return there


def _exported_ids(exporter: Exporter, forms: dict[str, tuple[str, ...]], days: Window) -> frozenset[str]:
    wanted = {form for ids in forms.values() for form in ids}
    rows = exporter.activities([PURCHASE], days, PURCHASE_ID)
    return frozenset(wanted.intersection(cell for row in rows for cell in PURCHASE_ID.cells(row)))


def _days_around(dates: list[datetime], now: datetime) -> Window:
    """One more day on both sides, but no future: Connectif does not document exports of the future."""
    last = max(dates)
    return Window(min(dates) - _MARGIN, max(min(last + _MARGIN, now), last + timedelta(seconds=1)))


def _ids_of(purchase: PurchaseHead) -> tuple[str, ...]:
    """All ids under which a tag may report the purchase: its order group and its orders."""
    order_ids = purchase.order_ids
    return tuple(dict.fromkeys([purchase.purchase_id, *order_ids, *map(group_of, order_ids)]))


def _tag_note(run: SyncRun, forms: dict[str, tuple[str, ...]], found: frozenset[str]) -> str:
    with_other_id = sum(key not in found and not found.isdisjoint(ids) for key, ids in forms.items())
    return note_on_tag_ids(run, with_other_id)


def note_on_tag_ids(run: SyncRun, number: int) -> str:
    """A warning that the tag reported `number` purchases under another form of id than the setting."""
    if not number:
        return ""
    configured = run.settings.purchases.purchase_id_source
    seen = "order_id" if configured == "order_group" else "order_group"
    note = (
        f"{plural(number, 'purchase is', 'purchases are')} at Connectif under their {seen}, not under the "
        f"{configured}: if the "
        f"shop's tag reports them so, set purchase_id_source (SYNC_PURCHASES__PURCHASE_ID_SOURCE) to {seen}"
    )
    log.warning("%s", note)
    return note
