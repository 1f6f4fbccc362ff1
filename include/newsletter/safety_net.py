"""Subscription changes out of Connectif's export: it does not call out for every kind of change, and never twice.

The callback of a subscription is limited to sign-up forms, and one that finds nobody at home is not repeated
(Connectif help centre 360017539820 and 360021426879, read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from include.connectif.exports import Wanted
from include.errors import ContractError
from include.pipeline.exports import Exporter, exporter_of
from include.pipeline.run import SyncRun
from include.settings import Newsletter
from include.staging import Staging
from include.window import Window


def missed_changes(run: SyncRun, journal: Staging) -> Iterator[dict[str, Any]]:
    """What the export says of a run's window, where the safety net is switched on. A full load has no window:
    the last day then. `journal` remembers which exports were asked for.
    """
    if not run.settings.newsletter.safety_net:
        return
    window = run.plan.window or Window(run.now() - timedelta(days=1), run.now())
    overlap = timedelta(minutes=run.settings.run.overlap_minutes)
    yield from exported_changes(exporter_of(run, journal), run.settings.newsletter, window.widened(overlap))


def exported_changes(exporter: Exporter, settings: Newsletter, window: Window) -> Iterator[dict[str, Any]]:
    """`{"email", "subscribed", "occurred_at"}` of every subscription and unsubscription in the window.

    One export for each: which of the two a row is would otherwise hang on a column that nobody documents.
    """
    types = ((settings.subscription_activity, True), (settings.unsubscription_activity, False))
    for activity, subscribed in types:
        for row in exporter.activities((activity,), window, _ADDRESS):
            yield {
                "email": next(_ADDRESS.cells(row), ""),
                "subscribed": subscribed,
                "occurred_at": _cell(row, ("date", "fecha"), "date"),
            }


_ADDRESS = Wanted(lambda column: "email" in column or "correo" in column, "address")


def _cell(row: dict[str, str], words: tuple[str, ...], what: str) -> str:
    """The first column whose plain name holds one of the words: titles are documented nowhere."""
    for name, value in row.items():
        if any(word in name for word in words):
            return value
    raise ContractError(f"Connectif: an export of activities without a column for the {what}")
