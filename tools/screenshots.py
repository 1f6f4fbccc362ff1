"""`make screenshots`: draws the pictures of the docs.

Our pages come from a made-up history, without Airflow. A local Airflow draws its own forms.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

from include.outcomes import PipelineName, Reason
from include.page.all_shops import ShopOrder, ShopRow, columns_of, figures_of, shops_page
from include.page.newsletter_answer import AirflowFacts, Receiver
from include.page.overview import overview
from include.page.record_query import RecordQuery
from include.page.records import Replay, find_records, records_page, replay_page
from include.page.rendering import STATIC
from include.page.status import Reader, status_page
from include.pipelines import DAILY_PIPELINES
from include.settings import load_settings
from include.shops import DEFAULT
from include.state import Shop, StateStore, open_state_store, upgrade
from tools.airflow_forms import form_pictures
from tools.browser import Tab, Viewport, find_browser, open_tab
from tools.command import run_command
from tools.local_stack import ROOT
from tools.made_up_history import fill

PICTURES = ROOT / "docs" / "pictures"
SHOP = Shop("myshop", "https://myshop.vtexcommercestable.com.br", "https://connectif.invalid", "made-up")
HASH_KEY = "made up for the pictures of the docs"
NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
SHOPS = {
    "default": SHOP,
    "es": replace(SHOP, vtex_account="myshopes", name="es", folder="es"),
    "mx": replace(SHOP, vtex_account="myshopmx", name="mx", folder="mx"),
}
"""The shops of the overview that can be read, by their keys."""
LISTED = RecordQuery(PipelineName.CONTACTS, Reason.EMAIL_MISSING)
"""The list of records in the pictures."""
FACTS = AirflowFacts(
    paused=frozenset({"reconcile"}),
    last_callback=NOW - timedelta(minutes=9),
    runs_waiting=1,
    oldest_run=NOW - timedelta(seconds=2),
)
DESKTOP, DARK, PHONE = Viewport(1280), Viewport(1280, dark=True), Viewport(390)
WIDE = Viewport(1400)
SHOTS = {
    "shops.png": ("shops.html", WIDE, 360),
    "status.png": ("status.html", DESKTOP, 1_000),
    "status-dark.png": ("status.html", DARK, 1_000),
    "status-phone.png": ("status.html", PHONE, 1_000),
    "records.png": ("records.html", DESKTOP, 900),
    "records-phone.png": ("records.html", PHONE, 1_000),
    "replay.png": ("replay.html", DESKTOP, 620),
    "differences.png": ("differences.html", DESKTOP, 900),
}
"""Page, viewport and height of each picture."""


def main() -> int:
    """Draw all pictures; returns the exit code."""
    find_browser()
    PICTURES.mkdir(parents=True, exist_ok=True)
    with open_tab() as tab:
        for name, picture in chain(page_pictures(tab), form_pictures(tab)):
            (PICTURES / name).write_bytes(picture)
            print(f"{PICTURES.relative_to(ROOT) / name}: {len(picture) / 1024:.0f} KiB", flush=True)
    return 0


def page_pictures(tab: Tab) -> Iterator[tuple[str, bytes]]:
    """Name and PNG of each of our pages."""
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder:
        pages = write_pages(Path(folder))
        for name, (page, viewport, height) in SHOTS.items():
            tab.open((pages / page).as_uri(), viewport, height)
            yield name, tab.picture()


def write_pages(folder: Path) -> Path:
    """Write the pages, with the files that they load; returns the folder."""
    shutil.copytree(STATIC, folder / "static")
    url = f"sqlite:///{folder / 'state.db'}"
    upgrade(url)
    for key, shop in SHOPS.items():
        fill(url, HASH_KEY, shop, NOW - _SILENT.get(key, timedelta()))
    settings = load_settings()
    reader = Reader(settings.schedule.zone, SHOP.vtex_account, may_explain=True)
    with open_state_store(url, HASH_KEY, SHOP) as state:
        shown = overview(state, tuple(PipelineName), settings, NOW, FACTS)
        pages = {
            "status.html": status_page(shown, reader, NOW),
            "differences.html": status_page(
                overview(state, (PipelineName.RECONCILE,), settings, NOW), reader, NOW
            ),
            "records.html": _records(state, reader),
            "replay.html": _replay(state, reader),
            "shops.html": _shops(url),
        }
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def _records(state: StateStore, reader: Reader) -> str:
    found = find_records(state, LISTED, tuple(PipelineName), reader)
    may_replay = frozenset(DAILY_PIPELINES)
    return records_page(replace(found, may_replay=may_replay), reader, SHOP)


_SILENT = {"mx": timedelta(days=2)}
"""How long a shop has had no run."""
_FACTS = {
    "default": FACTS,
    "es": AirflowFacts(
        receiver=Receiver.DOWN,
        receiver_problem="connectif_es: the extra webhook_secret is too short",
        last_callback=NOW - timedelta(hours=3),
    ),
    "mx": AirflowFacts(last_callback=NOW - timedelta(days=2)),
}
_NO_CONNECTION = (
    "There is no connection vtex_pt. Create it in Admin > Connections, or set AIRFLOW_CONN_VTEX_PT"
)


def _shops(url: str) -> str:
    """The overview of four shops: one is late and not live, and one cannot be read."""
    pipelines, settings = tuple(PipelineName), load_settings()
    rows = [ShopRow("pt", problem=_NO_CONNECTION)]
    for key, shop in SHOPS.items():
        section = "" if key == DEFAULT else key
        with open_state_store(url, HASH_KEY, shop) as state:
            found = figures_of(
                state, pipelines, settings, NOW, _FACTS[key], live=key not in _SILENT, section=section
            )
        rows.append(ShopRow(key, shop.vtex_account, found))
    return shops_page(rows, pipelines, columns_of(pipelines), ShopOrder())


def _replay(state: StateStore, reader: Reader) -> str:
    """The page after two records of the list were chosen."""
    rows = find_records(state, LISTED, tuple(PipelineName), reader).rows[:2]
    replay = Replay(PipelineName.CONTACTS, ",".join(row.stored.key for row in rows))
    return replay_page(replay, reader, LISTED.address(), run_id="replay__3f1c9a7b2d4e5f60__9be2c1d0")


if __name__ == "__main__":
    sys.exit(run_command(main))
