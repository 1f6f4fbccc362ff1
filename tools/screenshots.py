"""`make screenshots`: draws the pictures of the docs.

Our pages come from a made-up history, without Airflow. A local Airflow draws its own forms.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from zoneinfo import ZoneInfo

from include.outcomes import PipelineName, Reason
from include.page.overview import overview
from include.page.rendering import STATIC
from include.page.status import PER_PAGE, Reader, RecordsPage, records_page, status_page
from include.settings import load_settings
from include.state import Shop, open_state_store, upgrade
from tools.airflow_forms import form_pictures
from tools.browser import Tab, Viewport, find_browser, open_tab
from tools.command import run_command
from tools.local_stack import ROOT
from tools.made_up_history import fill

PICTURES = ROOT / "docs" / "pictures"
SHOP = Shop("myshop", "https://vtex.invalid", "https://connectif.invalid", "made-up")
HASH_KEY = "made up for the pictures of the docs"
NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
DESKTOP, DARK, PHONE = Viewport(1280), Viewport(1280, dark=True), Viewport(390)
SHOTS = {
    "status.png": ("status.html", DESKTOP, 1_000),
    "status-dark.png": ("status.html", DARK, 1_000),
    "status-phone.png": ("status.html", PHONE, 1_000),
    "records.png": ("records.html", DESKTOP, 500),
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
    fill(url, HASH_KEY, SHOP, NOW)
    settings = load_settings()
    reader = Reader(ZoneInfo(settings.schedule.time_zone), SHOP.vtex_account, may_explain=True)
    with open_state_store(url, HASH_KEY, SHOP) as state:
        shown = overview(state, tuple(PipelineName), settings, NOW)
        rejected = state.records.outcomes(PipelineName.PRODUCTS, reason=Reason.PRICE_MISSING, limit=PER_PAGE)
    (folder / "status.html").write_text(status_page(shown, reader, NOW), encoding="utf-8")
    listed = RecordsPage(PipelineName.PRODUCTS, Reason.PRICE_MISSING, rejected, 1, more=False)
    (folder / "records.html").write_text(records_page(listed, reader), encoding="utf-8")
    return folder


if __name__ == "__main__":
    sys.exit(run_command(main))
