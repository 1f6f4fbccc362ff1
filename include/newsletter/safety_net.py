"""Reads subscription changes from Connectif's export, for changes whose callback did not come.

Connectif sends the callback of a subscription for sign-up forms only, and does not repeat a failed callback
(Connectif help centre 360017539820 and 360021426879, read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from include.connectif.exports import WantedColumn
from include.errors import ContractError
from include.pipeline.exports import Exporter, exporter_of
from include.pipeline.run import SyncRun
from include.setting_types import Newsletter
from include.staging import Staging
from include.window import Window


def missed_changes(run: SyncRun, journal: Staging) -> Iterator[dict[str, Any]]:
    """If the safety net is on, yield the exported changes of the run's window; for a full load, of the last
    day.

    `journal` records the requested exports, so that a retry does not request them again.
    """
    if not run.settings.newsletter.safety_net:
        return
    window = run.plan.window or Window(run.now() - timedelta(days=1), run.now())
    overlap = timedelta(minutes=run.settings.run.overlap_minutes)
    yield from exported_changes(exporter_of(run, journal), run.settings.newsletter, window.widened(overlap))


def exported_changes(exporter: Exporter, settings: Newsletter, window: Window) -> Iterator[dict[str, Any]]:
    """Yield `{"email", "subscribed", "occurred_at"}` of every subscription and unsubscription in the window.

    Each activity has an export of its own, because no documented column tells a row's activity.
    """
    types = ((settings.subscription_activity, True), (settings.unsubscription_activity, False))
    for activity, subscribed in types:
        for row in exporter.activities((activity,), window, _ADDRESS):
            yield {
                "email": next(_ADDRESS.cells(row), ""),
                "subscribed": subscribed,
                "occurred_at": _find_cell(row, ("date", "fecha"), "date"),
            }


_ADDRESS = WantedColumn(lambda column: "email" in column or "correo" in column, "address")


def _find_cell(row: dict[str, str], words: tuple[str, ...], what: str) -> str:
    """Return the first cell whose column name holds one of the words. Connectif documents no column names."""
    for name, value in row.items():
        if any(word in name for word in words):
            return value
    raise ContractError(f"Connectif: an export of activities has no column for the {what}")
